/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Fixed-point arithmetic, function by function that of astraea/congestion/connection/fixed_point.py. */
#pragma once
#include "types.h"

#define SHIFT 10
#define ONE (1 << SHIFT)
#define SEGMENTS 6
#define MANTISSA 24
#define FRACTION 16

#include "tables.h" /* written by the build from the same Python file */

/* 1024 * log2(x) for x >= 1. */
GLOBAL s64 fixed_log2(s64 given)
{
	u64 x = given, rest = x, exponent = 0, mantissa, fraction, k, within;
	s64 low, value;

#define HALVE(step)                                                                                                    \
	if (rest >> step) {                                                                                            \
		rest >>= step;                                                                                         \
		exponent += step;                                                                                      \
	}
	HALVE(32) HALVE(16) HALVE(8) HALVE(4) HALVE(2) HALVE(1)
#undef HALVE
	mantissa = exponent <= MANTISSA ? x << (MANTISSA - exponent) : x >> (exponent - MANTISSA);
	fraction = mantissa - (1 << MANTISSA);
	k = (fraction >> (MANTISSA - SEGMENTS)) & 63;
	within = fraction & ((1 << (MANTISSA - SEGMENTS)) - 1);
	low = LOG_TABLE[k];
	value = low + (((LOG_TABLE[k + 1] - low) * within) >> (MANTISSA - SEGMENTS));
	return (exponent << SHIFT) + (value >> (FRACTION - SHIFT));
}

/* 1024 * 2^(x / 1024), rounded down, for up to 30 doublings. */
GLOBAL s64 fixed_exp2(s64 x)
{
	s64 whole = least(x >> SHIFT, 30), shift = FRACTION - SHIFT - whole, low, value;
	u64 part = x & (ONE - 1), k = (part >> (SHIFT - SEGMENTS)) & 63,
	    within = part & ((1 << (SHIFT - SEGMENTS)) - 1);

	low = EXP_TABLE[k];
	value = low + (((EXP_TABLE[k + 1] - low) * within) >> (SHIFT - SEGMENTS));
	return shift >= 0 ? value >> least(shift, 63) : value << -shift;
}

/* 1024 * a / b, rounded down, for a >= 0 and b >= 1. */
static INLINE s64 ratio(s64 a, s64 b)
{
	return ((u64)a << SHIFT) / (u64)b;
}

static INLINE s64 clip(s64 x, s64 low, s64 high)
{
	return least(most(x, low), high);
}
