/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Words that every file here uses. */
#pragma once

typedef unsigned char __u8, u8;
typedef unsigned short __u16, __be16, __le16, __sum16;
typedef int __s32, s32;
typedef unsigned int __u32, __be32, __wsum, u32;
typedef long long __s64, s64;
typedef unsigned long long __u64, u64;
typedef _Bool bool;

/* A function that the verifier checks once, by itself, rather than at each call. */
#define GLOBAL __attribute__((noinline))
#define INLINE inline __attribute__((always_inline))

static INLINE s64 least(s64 a, s64 b)
{
	return a < b ? a : b;
}

static INLINE s64 most(s64 a, s64 b)
{
	return a > b ? a : b;
}

/* a / b for a >= 0 and b >= 1; the instruction set has no signed division before its version 4. */
static INLINE s64 quotient(s64 a, s64 b)
{
	return (u64)a / (u64)b;
}
