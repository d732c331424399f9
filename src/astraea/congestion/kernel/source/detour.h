/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A path that has become longer: rule for rule astraea/congestion/connection/detour.py. */
#pragma once
#include "flow.h"
#include "motion.h"

#define SLIGHT 16
#define STEADY_ROUNDS 10
#define STEADY_NS 1000000000
#define ENOUGH (16LL << BITS)
#define QUIET 32
#define ROUNDS 64
#define NARROW 8
#define FELL 8
#define FADED 4
#define FORGETTING 5
#define AGAIN 3000000000LL

static INLINE void begin_watch(struct window *c)
{
	c->low = c->low_1 = c->low_2 = INF;
}

static INLINE void rest(struct window *c, s64 window)
{
	c->low = c->low_1 = c->low_2 = INF;
	c->before = window;
	c->risen = c->watched = 0;
}

static INLINE void restart(struct window *c, s64 low, s64 now)
{
	c->steady = 0;
	c->steady_at = now;
	c->steady_least = c->steady_most = low;
}

static INLINE int watch(struct connection *f, struct window *c, s64 window, s64 now)
{
	s64 low = c->low, lately = least(c->low_1, c->low_2), far, rise;
	s64 jump = most(low - c->low_1, c->low_1 - c->low_2);

	c->low = INF;
	if (low == INF)
		return 0;
	c->watched++;
	c->usual -= c->usual >> FORGETTING;
	if (SLIGHT * (c->floor - f->min_rtt) > f->min_rtt) {
		c->usual += c->floor - f->min_rtt;
		c->low_1 = c->low_2 = INF;
	}
	c->floor = f->min_rtt;
	if (c->low_2 < INF)
		c->usual = most(c->usual, c->low_2 - f->min_rtt);
	c->low_2 = c->low_1;
	c->low_1 = low;
	if (c->risen)
		low = least(low, c->low_2);
	else
		c->before = most(c->before - (c->before >> FADED), window);
	far = low - f->min_rtt;
	if (SLIGHT * far < f->min_rtt) {
		c->risen = 0;
		return 0;
	}
	if (c->watched > QUIET && (c->risen == 0 || 2 * (low - c->rise_to) > c->rise_to - c->rise_from) &&
	    lately < INF && 2 * jump > far && far > 2 * c->usual && c->before >= ENOUGH) {
		c->risen = 1;
		c->rise_from = lately;
		c->rise_to = low;
		restart(c, low, now);
	}
	if (c->risen == 0)
		return 0;
	c->risen++;
	rise = c->rise_to - c->rise_from;
	if (2 * (low - c->rise_from) < rise || far > 2 * rise || c->risen > ROUNDS) {
		c->risen = 0;
		return 0;
	}
	c->steady_least = least(c->steady_least, low);
	c->steady_most = most(c->steady_most, low);
	if ((c->steady_most - c->steady_least) * NARROW > c->steady_least - f->min_rtt || 2 * window > c->before) {
		restart(c, low, now);
		return 0;
	}
	c->steady++;
	c->testing = c->steady >= STEADY_ROUNDS && now - c->steady_at >= STEADY_NS && now >= c->test_from;
	return c->testing;
}

static INLINE int judge_drain(struct connection *f, struct window *c, s64 drained, s64 now)
{
	c->testing = 0;
	c->risen = 0;
	if (drained < INF && (c->steady_least - drained) * FELL <= c->steady_least - f->min_rtt) {
		c->usual = 0;
		return 1;
	}
	c->test_from = now + AGAIN;
	return 0;
}
