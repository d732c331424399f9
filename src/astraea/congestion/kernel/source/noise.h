/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What noise adds to a flow's round-trip times: astraea/congestion/connection/noise.py. */
#pragma once
#include "fixed_point.h"
#include "flow.h"

#define NOISE_WINDOW (4 << 20)
#define NOISE_LEARNING 64
#define NOISE_FAST 4
#define NOISE_SLOW 6
#define NOISE_TIMES 4
#define NOISE_START 8000
#define NOISE_MOST (1 << 30)
#define NOISE_FEW (2 * ONE)
#define NOISE_MORE (ONE / 4)
#define NOISE_BLOCK 30000000
#define NOISE_HOSTS 25
#define NOISE_OWN 3
#define NOISE_OWN_BITS 2
#define NOISE_BEYOND 8
#define NOISE_FINER 10
#define CALM_BLOCKS 3
#define CALM_OWN 2
#define CALM_MOST 1000000

/* The mean `known` after one more block that showed `seen`. */
static INLINE s64 tracked(s64 known, s64 seen, int learning)
{
	s64 counted = least(least(seen, NOISE_TIMES * known + NOISE_START), NOISE_MOST);
	int shift = learning ? NOISE_FAST : NOISE_SLOW;

	return counted > known ? known + ((counted - known) >> shift) : known - ((known - counted) >> shift);
}

static INLINE void learn_noise(struct connection *f, s64 low, s64 mean)
{
	s64 bend = low - 2 * f->low_1 + f->low_2, packets, doublings, noise, usual, own, calm, above;

	if (f->window < NOISE_WINDOW) {
		f->low_1 = f->low_2 = f->noise = 0;
		return;
	}
	if (f->low_2 > 0) {
		f->lows++;
		f->deviation = tracked(f->deviation, (bend < 0 ? -bend : bend) >> 1, f->lows < NOISE_LEARNING);
		f->scatter = tracked(f->scatter, mean - low, f->lows < NOISE_LEARNING);
		f->calm = least(f->calm, quotient(low + f->low_1 + f->low_2, CALM_BLOCKS));
	}
	f->low_2 = f->low_1;
	f->low_1 = low;
	packets = quotient((f->window >> NOISE_FINER) * f->deviation, most(f->srtt, 1));
	doublings = fixed_log2(ONE + packets) - SHIFT * ONE;
	noise = f->deviation * (NOISE_FEW + (NOISE_MORE * doublings >> SHIFT)) >> SHIFT;
	own = quotient(f->srtt, most(f->window >> 20, 1));
	usual = most(quotient(most(f->block_length, NOISE_BLOCK), NOISE_HOSTS), own * NOISE_OWN >> NOISE_OWN_BITS);
	calm = least(f->calm, f->calm_before);
	above = calm < INF ? least(calm - f->min_rtt - CALM_OWN * own, CALM_MOST) : 0;
	f->noise = most(most(least(noise, NOISE_BEYOND * (f->scatter - usual)), above), 0);
}

static INLINE void forget_calm(struct connection *f)
{
	f->calm = f->calm_before = INF;
	f->low_1 = f->low_2 = 0;
}

static INLINE void age_calm(struct connection *f)
{
	f->calm_before = f->calm;
	f->calm = INF;
}
