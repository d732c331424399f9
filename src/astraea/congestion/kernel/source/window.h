/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The window that a policy drives, rule for rule astraea/congestion/connection/window.py and startup.py. */
#pragma once
#include "breaker.h"
#include "detour.h"
#include "drains.h"
#include "fallback.h"
#include "fixed_point.h"
#include "flow.h"
#include "motion.h"
#include "noise.h"
#include "swings.h"

#define INITIAL_WINDOW 10
#define START_PACING 20
#define PACING 12
#define FIRST_SHARE 2
#define DRAIN_SHARE 3
#define QUARTERS 4

#define THRESHOLD_MIN 4000000
#define SAMPLES 8
#define LOST 3
#define LOST_SHARE 20
#define ENOUGH_TO_HOLD 64

static INLINE s64 growth(struct connection *f, struct window *c)
{
	s64 lost;

	if (f->round_start) {
		c->round_rtt = INF;
		c->round_samples = 0;
		c->round_lost = f->lost;
		c->round_delivered = f->delivered;
		if (c->holding == 2) {
			c->starting = 0;
			return 0;
		}
		c->holding *= 2;
	}
	lost = f->lost - c->round_lost;
	if (lost >= LOST && lost * LOST_SHARE >= f->delivered - c->round_delivered) {
		c->starting = 0;
		return 0;
	}
	if (c->holding)
		return 0;
	c->round_rtt = least(c->round_rtt, f->last_rtt);
	c->round_samples++;
	if (c->round_samples >= SAMPLES && c->round_rtt > f->min_rtt + most(f->min_rtt >> 3, THRESHOLD_MIN)) {
		c->holding = f->inflight >= ENOUGH_TO_HOLD;
		c->starting = c->holding;
		return 0;
	}
	return f->window_limited ? f->acked : 0;
}

static INLINE void pace(struct connection *f, struct window *c)
{
	if (f->srtt > 0)
		c->pace = paced(f->window < FLOOR ? f->window : c->window, c->starting ? START_PACING : PACING,
				f->srtt);
}

static INLINE void enforce(struct connection *f, struct window *c)
{
	s64 window = c->draining ? c->drain_window : c->window;

	if (c->conserving)
		f->window = least(window, most((f->inflight + f->acked) << BITS, FLOOR));
	else if (c->climbing)
		f->window = least(f->window, window);
	else
		f->window = window;
	f->cwnd = most(f->window, FLOOR) >> BITS;
	pace(f, c);
}

static INLINE void take_over(struct connection *f, struct window *c, s64 now)
{
	s64 arrived = least(f->sample_delivered << BITS, MOST);

	if (strange_path(f->min_rtt, f->rtt_least, f->rtt_most)) {
		c->window = reduce(c, fall(c, c->window));
		return;
	}
	c->window = most(part_of(arrived, f->min_rtt, most(f->sample_interval, f->min_rtt)), LEAST);
	drain(f, c, now, quotient(FIRST_SHARE * c->window, QUARTERS));
}

static INLINE void tested(struct connection *f, struct window *c, s64 now)
{
	if (judge_drain(f, c, c->drain_rtt, now)) {
		f->min_rtt = c->base_now = c->drain_rtt;
		f->min_rtt_at = now;
		c->base_before = INF;
		forget_calm(f);
		alone(f, c);
	}
}

static INLINE void go_on_draining(struct connection *f, struct window *c, s64 now)
{
	s64 was = c->among;
	int emptied;

	int begins = c->drain_until == INF;

	if (!drain_over(f, c, now)) {
		if (c->drains == 0 && begins && c->drain_until < INF)
			c->drain_until = now + f->srtt;
		return;
	}
	if (c->testing) {
		tested(f, c, now);
		return;
	}
	renew(f, c, now);
	emptied = judge_period(f, c, now);
	if (c->among && !was)
		c->window = curve(c, c->window);
	if (emptied && !c->among && c->drains > 1)
		c->window = most(part_of(c->window, f->min_rtt + f->noise, c->drain_from), LEAST);
}

static INLINE void start(struct connection *f, struct window *c, s64 now)
{
	begin_watch(c);
	c->filled_at = c->judged_at = now;
	c->starting = 1;
	c->round_rtt = INF;
	begin_drains(c, now);
	forget_calm(f);
	c->window = f->window = (s64)INITIAL_WINDOW << BITS;
	f->cwnd = INITIAL_WINDOW;
}

static INLINE void turn_over(struct window *c, int turn, s64 now)
{
	if (turn == FALLS) {
		c->window = fall(c, c->window);
		c->draining = c->testing = 0;
	} else if (turn == RETURNS) {
		c->fallen = 0;
		wait(c, now);
	}
}

static INLINE void look(struct connection *f, struct window *c, s64 now)
{
	if (c->starting || c->fallen || c->among || c->drains < 1) {
		rest(c, c->window);
		look_anew(f, c);
	} else if (c->draining) {
		c->low = INF;
	} else if (swung(f, c, c->low, c->window, now)) {
		believe(f, c);
		c->window = curve(c, c->window);
	} else if (watch(f, c, c->window, now)) {
		drain(f, c, now, c->window >> 1);
	}
}

static INLINE void on_ack(struct flow *flow, s64 now)
{
	struct connection *f = &flow->f;
	struct window *c = &flow->c;
	int turn = judge(f, c, now);

	if (turn != STAYS && !c->starting)
		turn_over(c, turn, now);
	if (c->starting) {
		c->window = least(c->window + (growth(f, c) << BITS), MOST);
		if (!c->starting)
			take_over(f, c, now);
	} else if (c->fallen) {
		c->window = grow(flow, now);
	} else if (c->draining) {
		go_on_draining(f, c, now);
	} else if (due(f, c, now)) {
		drain(f, c, now, quotient(DRAIN_SHARE * part_of(c->window, f->min_rtt + f->noise, f->srtt), QUARTERS));
	} else if (c->among) {
		c->window = grow(flow, now);
	}
	if (f->acked > 0) {
		c->low = least(c->low, f->last_rtt);
		see(f, c, now);
	}
	if (f->round_start) {
		if (!c->draining)
			see_round(c, c->low);
		look(f, c, now);
		c->conserving = 0;
		if (c->starting || (c->draining && c->drains == 0))
			forget(f, c);
		else
			c->window = count_losses(f, c, c->window);
	}
	if (c->climbing) {
		f->window = most(f->window, f->cwnd << BITS) + (f->acked << BITS);
		c->climbing = f->window < c->window;
	}
	enforce(f, c);
}

static INLINE void on_loss(struct connection *f, struct window *c)
{
	if (c->fallen || c->among)
		c->window = reduce(c, c->window);
	if (!c->starting) {
		c->conserving = 1;
		f->round_end = f->delivered;
	}
}

static INLINE void on_mark(struct connection *f, struct window *c, s64 now)
{
	if (c->fallen || c->among)
		c->window = reduce(c, c->window);
	if (c->starting) {
		c->starting = 0;
		take_over(f, c, now);
	}
}

static INLINE void on_recovered(struct window *c)
{
	c->conserving = 0;
	c->climbing = 0;
}

static INLINE void on_timeout(struct connection *f, struct window *c)
{
	int unheard = c->starting && f->delivered == 0;

	c->starting = unheard;
	c->conserving = 0;
	c->climbing = !unheard;
	if (f->recovering != TIMEOUT)
		c->undo_window = f->window;
	if (f->recovering == OPEN) {
		c->window = c->fallen || c->among ? reduce(c, c->window) : most(c->window >> 1, LEAST);
		c->w_max = 0;
	}
	if (unheard)
		c->window = FLOOR;
	f->window = FLOOR;
	f->cwnd = FLOOR >> BITS;
	pace(f, c);
}

static INLINE void on_undo(struct window *c)
{
	c->climbing = 0;
	c->epoch = 0;
	c->window = most(c->window, c->undo_window);
}

static INLINE void act(struct connection *f, struct window *c, s64 action)
{
	if (c->starting == 0 && c->among == 0)
		c->window = least(most(bounded(c, moved(c->window, c->gain, action)), LEAST),
				  least(f->window_max << BITS, MOST));
	enforce(f, c);
}

static INLINE int busy(struct window *c)
{
	return c->starting || c->draining || c->fallen || c->among;
}
