/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What keeps losing falls, and grows little: rule for rule astraea/congestion/connection/breaker.py. */
#pragma once
#include "fixed_point.h"
#include "flow.h"
#include "motion.h"

#define FADING 3
#define LOSING 20
#define BROKEN 10
#define STEP 7

static INLINE void forget(struct connection *f, struct window *c)
{
	c->past_lost = f->lost;
	c->past_delivered = f->delivered;
	c->lately_lost = c->lately_heard = c->losing = 0;
}

static INLINE s64 count_losses(struct connection *f, struct window *c, s64 window)
{
	s64 lost = f->lost - c->past_lost;
	s64 heard = lost + f->delivered - c->past_delivered;

	c->past_lost = f->lost;
	c->past_delivered = f->delivered;
	c->lately_lost += (lost << BITS) - (c->lately_lost >> FADING);
	c->lately_heard += (heard << BITS) - (c->lately_heard >> FADING);
	c->losing = c->lately_lost * LOSING > c->lately_heard;
	if (lost * BROKEN > heard && c->lately_lost * BROKEN > c->lately_heard)
		return most(window >> 1, LEAST);
	return window;
}

static INLINE s64 bounded(struct window *c, s64 wanted)
{
	return c->losing ? least(wanted, c->window + (most(c->window, FLOOR) >> STEP)) : wanted;
}
