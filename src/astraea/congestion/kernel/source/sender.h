/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The sender: what acknowledgements tell becomes intervals, features, actions and a window. */
#pragma once
#include "features.h"
#include "flow.h"
#include "law.h"
#include "measure.h"
#include "network.h"
#include "window.h"

#define INTERVAL_MIN 30000000

/* Where there is no policy, its ranges hold nothing: the window falls back. */
static INLINE void follow(struct flow *flow, const struct policy *policy)
{
	flow->c.gain = policy->gain;
	flow->f.refresh_after = policy->refresh_after;
	flow->f.rtt_least = policy->rtt_least;
	flow->f.rtt_most = policy->rtt_most;
	flow->f.window_most = policy->window_most;
	flow->f.jitter_most = policy->jitter_most;
	flow->f.limited_most = policy->limited_most;
}

static INLINE void begin(struct flow *flow, s64 now)
{
	struct connection *f = &flow->f;

	f->interval_min = INTERVAL_MIN;
	f->min_rtt = f->block_at = f->block_rtt = INF;
	f->window_max = 1 << 20;
	flow->history.weight = ONE;
	start(f, &flow->c, now);
	begin_interval(&flow->mark, f, now);
}

/* The newest packet that an acknowledgement covers was sent when `prior` packets had been delivered. */
static INLINE void count_round(struct connection *f, s64 prior)
{
	f->round_start = 0;
	if (prior >= f->round_end) {
		f->round_end = f->delivered;
		f->round_start = 1;
	}
}

#define NOTHING 0
#define OBSERVED 1
#define DECIDED 2

/* Close the control interval; return whether something was observed, and decided. */
GLOBAL int conclude(struct flow *flow, struct policy *policy, s64 now)
{
	if (!flow || !policy)
		return NOTHING;
	close_interval(&flow->interval, &flow->mark, &flow->f, now);
	if (!record(flow))
		return NOTHING;
	observe(flow);
	if (busy(&flow->c) || !policy->valid)
		return OBSERVED;
	flow->action = choose_action(flow, policy);
	act(&flow->f, &flow->c, flow->action);
	return DECIDED;
}
