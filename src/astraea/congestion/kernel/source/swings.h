/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Rivals whose cuts empty the queue: rule for rule astraea/congestion/connection/swings.py. */
#pragma once
#include "detour.h"
#include "flow.h"
#include "motion.h"

#define SWING_FACTOR 3
#define QUARTER 4
#define HOLDS_NS 1000000000
#define HOLDS_ROUNDS 8
#define WITHIN 3
#define MS 1000000

static INLINE void look_anew(struct connection *f, struct window *c)
{
	c->relieved = c->turning_at = c->swing_rate = 0;
	c->swing_queue = -1;
	c->swing_base = f->min_rtt;
}

static INLINE int swung(struct connection *f, struct window *c, s64 low, s64 window, s64 now)
{
	s64 moved_by = most(f->min_rtt - c->swing_base, c->swing_base - f->min_rtt), queue, rate;
	int turned;

	if (low == INF)
		return 0;
	if (SLIGHT * moved_by > f->min_rtt ||
	    (c->relieved && quotient(now - c->relieved_at, WITHIN) > f->refresh_after))
		look_anew(f, c);
	queue = most(low - f->min_rtt, 0);
	rate = part_of(window, MS, low);
	if (!c->relieved && !c->turning_at && queue > c->swing_queue) {
		c->swing_queue = queue;
		c->swing_rate = rate;
	}
	if (c->relieved)
		turned = SWING_FACTOR * rate <= c->swing_rate && queue >= SWING_FACTOR * c->swing_queue &&
			 QUARTER * queue >= f->min_rtt;
	else
		turned = rate >= SWING_FACTOR * c->swing_rate && SWING_FACTOR * queue <= c->swing_queue;
	if (!turned) {
		c->turning_at = 0;
		return 0;
	}
	if (!c->turning_at)
		c->turning_at = now;
	if (now - c->turning_at < most(HOLDS_NS, HOLDS_ROUNDS * f->srtt))
		return 0;
	if (c->relieved) {
		look_anew(f, c);
		return 1;
	}
	c->relieved = 1;
	c->relieved_at = now;
	c->turning_at = 0;
	c->swing_rate = rate;
	c->swing_queue = queue;
	return 0;
}
