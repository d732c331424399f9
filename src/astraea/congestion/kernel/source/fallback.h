/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Where a policy is not to be trusted: rule for rule astraea/congestion/connection/fallback.py. */
#pragma once
#include "fixed_point.h"
#include "flow.h"
#include "motion.h"

#define STAYS 0
#define FALLS 1
#define RETURNS 2

#define PATIENCE 8
#define MS 1000000
#define LONGEST (1 << 17)
#define CUBE 440

static INLINE int strange_path(s64 base, s64 least, s64 most)
{
	return base < least || base > most;
}

static INLINE int judge(struct connection *f, struct window *c, s64 now)
{
	s64 jitter;
	int outside;

	if (!f->sample_limited)
		c->filled_at = now;
	if (f->intervals == c->judged || f->acks == c->judged_acks)
		return STAYS;
	jitter = quotient(f->rtt_step_sum - c->judged_steps, most(f->acks - c->judged_acks, 1));
	outside = strange_path(f->min_rtt, f->rtt_least, f->rtt_most) || f->window > f->window_most << BITS ||
		  jitter * ONE > f->jitter_most * f->srtt || now - c->filled_at > f->limited_most;
	c->strange = outside ? least(c->strange + 1, PATIENCE) : most(c->strange - 1, 0);
	if (c->fallen)
		f->fallback += now - c->judged_at;
	c->judged = f->intervals;
	c->judged_at = now;
	c->judged_acks = f->acks;
	c->judged_steps = f->rtt_step_sum;
	if (c->fallen)
		return c->strange == 0 ? RETURNS : STAYS;
	return c->strange == PATIENCE ? FALLS : STAYS;
}

static INLINE s64 curve(struct window *c, s64 window)
{
	c->epoch = 0;
	c->w_max = 0;
	c->prior = most(window, FLOOR);
	return c->prior;
}

static INLINE s64 fall(struct window *c, s64 window)
{
	c->fallen = 1;
	c->strange = PATIENCE;
	return curve(c, window);
}

static INLINE s64 reduce(struct window *c, s64 window)
{
	c->w_max = window < c->w_max ? quotient(17 * window, 20) : window;
	c->prior = window;
	c->epoch = 0;
	return most(quotient(7 * window, 10), FLOOR);
}

GLOBAL s64 cube_root(s64 x)
{
	u64 root = 0, tried;

	for (int bit = 20; bit >= 0; bit--) {
		tried = root + (1ULL << bit);
		if (tried * tried * tried <= (u64)x)
			root = tried;
	}
	return root;
}

static INLINE s64 cube(s64 ms)
{
	s64 size = least(ms >= 0 ? ms : -ms, LONGEST), height = (size * size * size * CUBE) >> BITS;

	return ms >= 0 ? height : -height;
}

/* What c->window grows to with this acknowledgement. */
GLOBAL s64 grow(struct flow *flow, s64 now)
{
	s64 window, elapsed, share, target;

	if (!flow)
		return FLOOR;

	struct connection *f = &flow->f;
	struct window *c = &flow->c;

	window = c->window;
	if (f->recovering == RECOVERY || f->acked == 0)
		return window;
	if (!f->window_limited) {
		c->epoch = 0;
		return window;
	}
	if (c->epoch == 0) {
		c->epoch = most(now, 1);
		c->w_est = window;
		c->origin = most(c->w_max, window);
		c->k = cube_root(quotient((c->origin - window) << BITS, CUBE));
	}
	elapsed = quotient(now - c->epoch, MS) - c->k;
	share = quotient(f->acked << 2 * BITS, most(window, 1));
	c->w_est = least(c->w_est + (c->w_est >= c->prior ? share : quotient(9 * share, 17)), MOST);
	if (c->origin + cube(elapsed) < c->w_est) {
		window = most(window, c->w_est);
	} else {
		target = least(most(c->origin + cube(elapsed + quotient(f->srtt, MS)), window), quotient(3 * window, 2));
		window += quotient((target - window) << BITS, most(window, 1)) * f->acked;
	}
	return least(window, least(f->window_max << BITS, MOST));
}
