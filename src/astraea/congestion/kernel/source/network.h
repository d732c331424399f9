/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Networks in integers: rule for rule astraea/congestion/policy/layers.py, residual.py and quantised.py. */
#pragma once
#include "fixed_point.h"
#include "law.h"
#include "motion.h"

enum policy_kind { LAW, RESIDUAL, NETWORK };

#define OUTPUT_MOST (1 << 20)
#define REACH (4 * ONE)
#define TWICE 2955

static INLINE s64 weight(const struct policy *policy, u32 at)
{
	return policy->weights[at & (WEIGHTS - 1)];
}

/* What a unit sums up: its bias and `into` inputs, which begin at `old` in the room, weighted. */
GLOBAL s64 sum_up(struct flow *flow, const struct policy *policy, u32 bias, u32 at, u64 ends)
{
	u32 old = ends & WIDEST, into = ends >> 32;
	s64 total;

	if (!flow || !policy)
		return 0;
	total = weight(policy, bias) * ONE;
	for (u32 j = 0; j < WIDEST; j++) {
		if (j >= into)
			break;
		total += weight(policy, at + j) * flow->room[old + j];
	}
	return total >> (policy->shift & 31);
}

/* Let activations go through layer k, from one half of the room into the other. */
GLOBAL int propagate(struct flow *flow, const struct policy *policy, u32 k)
{
	u32 into, out, at, biases, old;
	s64 total;

	if (!flow || !policy || k >= LAYERS)
		return 0;
	into = policy->layer[k].into;
	out = policy->layer[k].out;
	at = policy->layer[k].at;
	biases = at + into * out;
	old = k & 1 ? WIDEST : 0;
	for (u32 i = 0; i < WIDEST; i++) {
		if (i >= out)
			break;
		total = sum_up(flow, policy, biases + i, at + i * into, (u64)into << 32 | old);
		if (total < 0 && k + 1 < policy->layers)
			total = (total * policy->leak) >> SHIFT;
		flow->room[WIDEST - old + i] = clip(total, -OUTPUT_MOST, OUTPUT_MOST);
	}
	return 0;
}

/* The hyperbolic tangent of x, in 1 / 1024^2. */
static INLINE s64 squash(s64 x)
{
	s64 e = fixed_exp2(10 * ONE - (((x >= 0 ? x : -x) * TWICE) >> SHIFT));
	s64 size = quotient((UNIT - e) * UNIT, UNIT + e);

	return x >= 0 ? size : -size;
}

static INLINE s32 turned(const struct policy *policy, int place, s64 by, s64 low, s64 high)
{
	return clip(policy->law.number[place] + clip(by, -REACH, REACH), low * ONE, high * ONE);
}

/* The action in units of 1 / 1024^2 for the features in flow->features. */
GLOBAL s64 choose_action(struct flow *flow, const struct policy *policy)
{
	if (!flow || !policy)
		return 0;
	if (policy->kind == LAW)
		return decide(flow, &policy->law);

	s64 *room = flow->room, *out = room;
	const s64 *x = flow->features;

	if (policy->kind == RESIDUAL) {
		room[0] = x[LOSS];
		for (int j = 1; j < 10; j++)
			room[j] = x[MEAN_QUEUE + j - 1];
	} else {
		for (int j = 0; j < FEATURES; j++)
			room[j] = x[j];
	}
	for (u32 k = 0; k < LAYERS; k++) {
		if (k < policy->layers)
			propagate(flow, policy, k);
	}
	if (policy->layers & 1)
		out = room + WIDEST;
	if (policy->kind == NETWORK)
		return squash(out[0]);
	flow->turned = policy->law;
	flow->turned.number[TARGET] = turned(policy, TARGET, out[0], -4, 8);
	flow->turned.number[GAIN] = turned(policy, GAIN, out[1], -6, 4);
	flow->turned.number[GAIN_MOST] = turned(policy, GAIN_MOST, out[2], -5, 3);
	flow->turned.number[LOSS_FREE] = turned(policy, LOSS_FREE, out[3], 0, 10);
	return decide(flow, &flow->turned);
}
