/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Drains without a clock, and what they tell of rivals: rule for rule astraea/congestion/connection/drains.py. */
#pragma once
#include "detour.h"
#include "fixed_point.h"
#include "flow.h"
#include "motion.h"
#include "noise.h"

#define SHORTEST_DRAIN 200000000
#define EARLY 6
#define SOONER 3
#define GENERATION 3
#define EMPTY (ONE / 4)
#define RIVALS 154
#define LONG 2

static INLINE void wait(struct window *c, s64 now)
{
	c->drained_at = c->lowest_at = now;
	c->lowest = INF;
	c->peak = 0;
}

static INLINE void begin_drains(struct window *c, s64 now)
{
	c->base_now = c->base_before = INF;
	wait(c, now);
	c->turned_at = c->emptied_at = now;
}

static INLINE void see(struct connection *f, struct window *c, s64 now)
{
	if (f->last_rtt <= c->lowest) {
		c->lowest = f->last_rtt;
		c->lowest_at = now;
	}
}

static INLINE void see_round(struct window *c, s64 low)
{
	if (low < INF)
		c->peak = most(c->peak, low);
	if (!c->among)
		c->widest = most(c->widest, c->window);
}

static INLINE int due(struct connection *f, struct window *c, s64 now)
{
	int doubtful = c->left > EMPTY && !c->among;
	s64 every = c->drains < EARLY || doubtful ? quotient(f->refresh_after, SOONER) : f->refresh_after;

	return now - c->lowest_at >= every || (now - c->drained_at) >> 1 >= every;
}

static INLINE void drain(struct connection *f, struct window *c, s64 now, s64 window)
{
	if (c->drains > 0)
		c->base_now = least(c->base_now, c->lowest);
	else
		forget_calm(f);
	c->lowest_before = c->lowest;
	c->drained_at = c->lowest_at = now;
	c->lowest = INF;
	c->draining = 1;
	c->drain_window = most(window, LEAST);
	c->drain_rtt = INF;
	c->drain_until = INF;
	c->drain_from = f->srtt;
}

static INLINE int drain_over(struct connection *f, struct window *c, s64 now)
{
	if (f->acked > 0)
		c->drain_rtt = least(c->drain_rtt, f->last_rtt);
	if (c->drain_until == INF) {
		if (f->inflight << BITS <= most(c->drain_window, FLOOR))
			c->drain_until = now + most(f->srtt, SHORTEST_DRAIN);
	} else if (now >= c->drain_until) {
		c->draining = 0;
	}
	return c->draining == 0;
}

static INLINE void renew(struct connection *f, struct window *c, s64 now)
{
	if (f->min_rtt < least(c->base_now, c->base_before))
		c->base_now = f->min_rtt;
	c->base_now = least(c->base_now, c->drain_rtt);
	c->drains++;
	if (quotient(now - c->turned_at, GENERATION) >= f->refresh_after) {
		c->turned_at = now;
		c->base_before = c->base_now;
		c->base_now = INF;
		age_calm(f);
	}
	f->min_rtt = least(c->base_now, c->base_before);
	f->min_rtt_at = now;
}

static INLINE s64 left_of(s64 largest, s64 smallest, s64 base)
{
	smallest = least(smallest, largest);
	if (SLIGHT * smallest < base)
		return 0;
	return quotient(ONE * smallest, most(largest, 1));
}

static INLINE int judge_period(struct connection *f, struct window *c, s64 now)
{
	s64 lowest = c->among ? c->drain_rtt : least(c->lowest_before, c->drain_rtt);
	s64 kept, left = left_of(most(c->peak, c->drain_from) - f->min_rtt, lowest - f->min_rtt, f->min_rtt);

	c->peak = 0;
	if (SLIGHT * (f->last_rtt - 2 * c->drain_from + f->min_rtt) > f->min_rtt)
		left = 0;
	if (left <= RIVALS) {
		c->emptied_at = now;
		c->widest >>= 1;
	}
	kept = c->among || 2 * c->window <= c->widest ||
	       now - c->emptied_at - f->refresh_after >= f->refresh_after >> LONG;
	f->drain_left = most(kept && c->drains > 2 ? least(left, c->left) : 0, f->drain_left >> 1);
	c->left = left;
	c->among = f->drain_left > RIVALS;
	return left < EMPTY;
}

static INLINE void believe(struct connection *f, struct window *c)
{
	f->drain_left = c->left = ONE / 2;
	c->among = 1;
}

static INLINE void alone(struct connection *f, struct window *c)
{
	f->drain_left = c->left = c->among = c->peak = 0;
}
