/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The law of few numbers, rule for rule astraea/congestion/policy/law.py. */
#pragma once
#include "fixed_point.h"
#include "features.h"

enum law_number {
	TARGET,
	TARGET_RATE,
	LOSS_CUT,
	LOSS_FREE,
	GAIN,
	GAIN_INTERVAL,
	GAIN_MOST,
	HASTE,
	HASTE_MOST,
	MOMENTUM,
	RIVAL_QUEUE,
	RIVAL_EXCESS,
	RIVAL_LEFT,
	RIVAL_SLOPE,
	RIVAL_GROWTH,
	RIVAL_SCALE,
	RIVAL_CUT,
	RIVAL_FREE,
	LAW_NUMBERS,
};

#define PACE 3
#define FAST 13056
#define FASTER 307

#define SCALE(a, b) (((s64)(a) * (s64)(b)) >> SHIFT)

/* The action in units of 1 / 1024^2 for the features in flow->features. */
GLOBAL s64 decide(struct flow *flow, const struct numbers *numbers)
{
	s64 own, largest, smallest, target, error, lasting, gain, pace, going, alone, strange, rivals, growth, among;

	if (!flow || !numbers)
		return 0;

	const s32 *p = numbers->number;
	const s64 *x = flow->features;

	own = x[OWN];
	largest = most(most(x[OWN_1], x[OWN_2]), x[OWN_3]);
	smallest = least(least(x[OWN_1], x[OWN_2]), x[OWN_3]);
	target = p[TARGET] + SCALE(p[TARGET_RATE], x[RATE]) + SCALE(FASTER, most(x[RATE] - FAST, 0));
	error = target - own - SCALE(p[LOSS_CUT], most(most(x[LOSS], x[LOSS_1]) - p[LOSS_FREE], 0));
	lasting = error > 0 ? most(target - most(own, largest), 0) : most(least(own, smallest) - target, 0);
	gain = p[GAIN] + target - x[PIPE] + SCALE(p[GAIN_INTERVAL], x[INTERVAL]) +
	       SCALE(p[HASTE], least(lasting, p[HASTE_MOST]));
	if (error > 0)
		pace = most(least(least(x[SENT], x[SENT_1]), least(x[SENT_2], x[SENT_3])), 0);
	else
		pace = least(most(most(x[SENT], x[SENT_1]), most(x[SENT_2], x[SENT_3])), 0);
	going = PACE * SCALE(p[MOMENTUM], SCALE(fixed_exp2(least(x[INTERVAL], 0)), pace));
	alone = clip(SCALE(fixed_exp2(least(gain, p[GAIN_MOST])), error) + going, -ONE, ONE);
	strange = least(smallest - x[PIPE] - p[RIVAL_QUEUE], smallest - target - p[RIVAL_EXCESS]);
	rivals = x[LEFT] > p[RIVAL_LEFT] ? clip(SCALE(p[RIVAL_SLOPE], strange), 0, ONE) : 0;
	growth = fixed_exp2(p[RIVAL_GROWTH] - SCALE(p[RIVAL_SCALE], x[PIPE]));
	among = clip(growth - SCALE(p[RIVAL_CUT], most(x[LOSS] - p[RIVAL_FREE], 0)), -ONE, ONE);
	return alone * (ONE - rivals) + among * rivals;
}
