/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The observation 'packets' with four slots of history: astraea/congestion/observation/features.py. */
#pragma once
#include "frames.h"

#define SLOTS 4
#define FINE 8
#define STEP_MAX (2 * ONE)
#define RESPONSE_PRIOR 1366
#define TENTH_PERCENT 1000

/* Where the features lie: four slots of four, then those of the present. */
enum feature {
	OWN = 0,
	LOSS = 1,
	SENT = 2,
	DELIVERED = 3,
	OWN_1 = 4,
	LOSS_1 = 5,
	SENT_1 = 6,
	OWN_2 = 8,
	SENT_2 = 10,
	OWN_3 = 12,
	SENT_3 = 14,
	MEAN_QUEUE = 16,
	NOISE,
	PIPE,
	RATE,
	STANDING,
	RESPONSE,
	INFLIGHT,
	INTERVAL,
	LEFT,
};

static INLINE s64 extensive(s64 packets, s64 weight)
{
	return fixed_log2(ONE + ratio(FINE * packets, weight)) - 10 * ONE;
}

static INLINE s64 own_packets(s64 window, s64 delay, s64 rtt, s64 weight)
{
	return extensive(quotient(window * most(delay, 0), most(rtt, 1)), weight);
}

static INLINE s64 change(s64 count, s64 us, s64 count_before, s64 us_before)
{
	s64 step = fixed_log2(most(count, 1)) - fixed_log2(us) - fixed_log2(most(count_before, 1)) +
		   fixed_log2(us_before);

	return clip(step, -STEP_MAX, STEP_MAX);
}

static INLINE s64 response(s64 answered, s64 moved)
{
	s64 top = answered + RESPONSE_PRIOR, size = ratio(top >= 0 ? top : -top, moved + RESPONSE_PRIOR);

	return clip(top >= 0 ? size : -size, -STEP_MAX, STEP_MAX);
}

/* One slot of history: `at` is its place, `one` what it holds and `two` what the slot before it does. */
GLOBAL int observe_slot(struct flow *flow, int slot, struct merged *one, struct merged *two)
{
	if (!flow || !one || !two || slot < 0 || slot >= SLOTS)
		return 0;

	struct sums *sums = &flow->sums;
	s64 *out = &flow->features[4 * slot];
	s64 base = sums->base, sent_step, got_step;

	sums->least = least(sums->least, one->low - base);
	sums->most = most(sums->most, quotient(one->rtt_sum, most(one->delivered, 1)) - base);
	out[0] = own_packets(one->window, one->low - base, one->low, flow->history.weight);
	out[1] = fixed_log2(ONE + ratio(TENTH_PERCENT * least(one->lost, most(one->sent, 1)), most(one->sent, 1))) -
		 10 * ONE;
	if (two->duration > 0) {
		sent_step = change(one->sent, one->duration, two->sent, two->duration);
		got_step = change(one->delivered, one->duration, two->delivered, two->duration);
		out[2] = sent_step;
		out[3] = got_step;
		if (slot > 0) {
			sums->moved += sent_step * sent_step;
			sums->answered += sent_step * sums->newer_got_step;
		}
		sums->newer_got_step = got_step;
	}
	return 0;
}

/* Write the features of a flow that has at least one frame. */
GLOBAL int observe(struct flow *flow)
{
	if (!flow)
		return 0;

	struct frame *newest = frame_at(flow, 0);
	struct sums *sums = &flow->sums;
	s64 *out = flow->features, weight = flow->history.weight, mean, base = newest->base_rtt;
	int back;

	for (int k = 0; k < FEATURES; k++)
		out[k] = 0;
	back = merge(flow, 0, newest->srtt, &flow->merged[0]);
	sums->base = base;
	sums->least = flow->merged[0].low - base;
	sums->most = sums->moved = sums->answered = sums->newer_got_step = 0;
#define SLOT(slot)                                                                                                     \
	if (flow->merged[slot & 1].duration != 0) {                                                                    \
		back = merge(flow, back, newest->srtt, &flow->merged[(slot + 1) & 1]);                                 \
		observe_slot(flow, slot, &flow->merged[slot & 1], &flow->merged[(slot + 1) & 1]);                      \
	} else {                                                                                                       \
		flow->merged[(slot + 1) & 1].duration = 0;                                                             \
	}
	SLOT(0) SLOT(1) SLOT(2) SLOT(3)
#undef SLOT
	mean = quotient(newest->rtt_sum, most(newest->delivered, 1));
	out[MEAN_QUEUE] = own_packets(newest->window, mean - base, mean, weight);
	out[NOISE] = own_packets(newest->window, quotient(newest->rtt_step_sum, most(newest->acks, 1)), newest->srtt,
				 weight);
	out[PIPE] = extensive(ratio(newest->delivered * base, newest->duration), weight);
	out[RATE] = extensive(ratio(newest->delivered * 30000, newest->duration), weight);
	s64 own_packet = ratio(newest->srtt, most(newest->window, 1));

	out[STANDING] = clip(ratio(most(sums->least, 0), most(sums->most + own_packet, 1)), 0, ONE);
	out[RESPONSE] = response(sums->answered, sums->moved);
	out[INFLIGHT] = clip(ratio(newest->inflight * ONE, most(newest->window, 1)), 0, 2 * ONE);
	out[INTERVAL] = clip(fixed_log2(newest->duration) - fixed_log2(newest->srtt), -4 * ONE, 8 * ONE);
	out[LEFT] = newest->drain_left;
	return 0;
}
