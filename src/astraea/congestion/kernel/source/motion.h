/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* How a window moves and is paced, function by function that of astraea/congestion/connection/motion.py. */
#pragma once
#include "fixed_point.h"

#define BITS 20
#define UNIT (1 << BITS)
#define MOST (1LL << 42)
#define LEAST (UNIT >> 4)
#define SHORTEST 10000

#define FLOOR (2LL << BITS)

static INLINE s64 moved(s64 window, s64 gain, s64 action)
{
	if (action >= 0)
		return window + ((window * ((gain * action) >> BITS)) >> BITS);
	return quotient(window << BITS, UNIT + ((gain * -action) >> BITS));
}

static INLINE s64 part_of(s64 window, s64 part, s64 whole)
{
	return (window * quotient(least(part, whole) << BITS, most(whole, 1))) >> BITS;
}

static INLINE s64 paced(s64 window, s64 tenths, s64 srtt)
{
	s64 per_ms = quotient(window * (tenths * 100000), most(srtt, SHORTEST));

	return most((per_ms * 1000) >> (BITS - SHIFT), 1);
}
