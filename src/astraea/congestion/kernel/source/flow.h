/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a sender knows of its connection: astraea/congestion/connection/record.py and observation/frames.py.
 * Times are nanoseconds (of frames: microseconds), windows counts of 1/1024 packet.
 */
#pragma once
#include "types.h"

#define FRAMES 16
#define FEATURES 25
#define WIDEST 32 /* layer of a network */
#define LAYERS 3
#define WEIGHTS 2048 /* a power of two */
#define INF ((s64)1 << 62)
#define OPEN 0
#define RECOVERY 1
#define TIMEOUT 2

/* What is counted since a flow began, or over an interval. */
#define COUNTERS                                                                                                       \
	s64 sent, delivered, lost, rtt_sum, rtt_step_sum, acks, fallback

/* How a connection stands. */
#define GAUGES                                                                                                         \
	s64 srtt, min_rtt, noise, drain_left, inflight

struct interval {
	COUNTERS;
	GAUGES;
	s64 start, end, window, rtt_low;
};

struct mark {
	COUNTERS;
	s64 at;
};

struct frame {
	s64 duration, sent, delivered, lost, acks, rtt_sum, rtt_step_sum, rtt_low, srtt, base_rtt, window, inflight,
		drain_left;
};

struct history {
	s64 count, open, weight;
};

struct merged {
	s64 duration, sent, delivered, lost, rtt_sum, low, window;
};

/* Sums over the slots of one observation: scratch. */
struct sums {
	s64 base, least, most, moved, answered, newer_got_step;
};

/* What is known of the connection beside counters and gauges. */
struct connection {
	COUNTERS;
	GAUGES;
	s64 window; /* before the floor of cwnd, in 1/2^20 packets */
	s64 cwnd; /* whole packets: what the transport holds */
	s64 last_rtt, min_rtt_at, acked, recovering;
	s64 round_start, round_end, window_limited;
	s64 sample_delivered, sample_interval, sample_limited;
	s64 window_max, refresh_after;
	s64 rtt_least, rtt_most, window_most, jitter_most, limited_most; /* what the policy is for */
	s64 interval_min, interval_at, intervals, block_at, block_length, block_rtt, block_sum, block_acks;
	s64 low_sum, low_count, low_1, low_2, lows, deviation, scatter, calm, calm_before;
};

/* The state of the window: astraea/congestion/connection/window.py and startup.py. Windows are in 1/2^20 packets. */
struct window {
	s64 starting, round_rtt, round_samples, round_lost, round_delivered, holding;
	s64 gain, window, undo_window, pace;
	s64 conserving, climbing, draining, drain_window, drain_from, drain_rtt, drain_until, drained_at, drains;
	s64 lowest, lowest_at, lowest_before, peak, left, among, base_now, base_before, turned_at, emptied_at, widest;
	s64 past_lost, past_delivered, lately_lost, lately_heard, losing;
	s64 low, low_1, low_2, watched, floor, usual, before, rise_from, rise_to, risen;
	s64 relieved, relieved_at, swing_base, swing_rate, swing_queue, turning_at;
	s64 steady, steady_at, steady_least, steady_most, testing, test_from;
	s64 fallen, strange, judged, judged_at, judged_acks, judged_steps, filled_at;
	s64 epoch, w_max, prior, w_est, origin, k;
};

/* The law's, in the order of astraea/congestion/policy/law.py. */
struct numbers {
	s32 number[18];
};

/* A layer of a network: its matrix, row by row, then its biases begin at `at`. */
struct layer {
	u32 into, out, at;
};

/* A policy of the map: `valid` is 0 where none has been written. */
struct policy {
	u32 valid;
	s32 gain; /* change of the window at an action of 1, in 1/2^20 */
	s64 refresh_after; /* nanoseconds; INF: never */
	s64 rtt_least, rtt_most, window_most, jitter_most, limited_most;
	struct numbers law;
	u32 kind, layers;
	u32 shift, leak; /* weights are counts of 1 / 2^shift; what is negative counts leak / 1024 */
	struct layer layer[LAYERS];
	s32 weights[WEIGHTS];
};

/* What the program itself keeps of a socket. */
struct socket_marks {
	u32 delivered, lost, sent, marked; /* the socket's counters when last seen, which wrap */
	u32 marks_from; /* no answer to marks before this sequence number is acknowledged */
	u32 undone;
	u64 began, counted; /* when the flow began, and since when its time has been counted */
};

struct flow {
	struct connection f;
	struct window c;
	struct mark mark;
	struct interval interval;
	struct frame frames[FRAMES];
	struct history history;
	s64 features[FEATURES];
	struct merged merged[2];
	struct sums sums;
	struct numbers turned;
	s64 room[2 * WIDEST]; /* of a network: activations of a layer and of the next */
	s64 action; /* the last one, in 1/2^20 */
	struct socket_marks socket;
};
