/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Round-trip times, and control intervals: astraea/congestion/connection/measure.py and intervals.py. */
#pragma once
#include "noise.h"

#define BASE_AGE 300000000000LL
#define BLOCK 30000000
#define FINER 10 /* bits by which a window is finer than what is kept of it */

static INLINE void end_block(struct connection *f)
{
	if (f->block_rtt < INF) {
		f->low_sum += f->block_rtt;
		f->low_count++;
		learn_noise(f, f->block_rtt, quotient(f->block_sum, most(f->block_acks, 1)));
		f->block_rtt = INF;
		f->block_sum = f->block_acks = 0;
	}
}

static INLINE void measure_rtt(struct connection *f, s64 rtt, s64 acked, s64 now)
{
	f->rtt_sum += rtt * acked;
	if (f->last_rtt > 0)
		f->rtt_step_sum += rtt > f->last_rtt ? rtt - f->last_rtt : f->last_rtt - rtt;
	f->last_rtt = rtt;
	if (now > f->block_at) {
		end_block(f);
		f->block_at = now + f->block_length - (u64)(now - f->block_at) % (u64)most(f->block_length, 1);
	}
	f->block_sum += rtt;
	f->block_acks++;
	f->block_rtt = least(f->block_rtt, rtt);
	if (rtt <= f->min_rtt || now - f->min_rtt_at > BASE_AGE) {
		f->min_rtt = rtt;
		f->min_rtt_at = now;
	}
	f->srtt = most(f->srtt == 0 ? rtt : f->srtt + ((rtt - f->srtt) >> 3), 1);
}

static INLINE void begin_interval(struct mark *mark, struct connection *f, s64 now)
{
	mark->at = now;
	mark->sent = f->sent;
	mark->delivered = f->delivered;
	mark->lost = f->lost;
	mark->rtt_sum = f->rtt_sum;
	mark->rtt_step_sum = f->rtt_step_sum;
	mark->acks = f->acks;
	mark->fallback = f->fallback;
	f->interval_at = now + most(f->interval_min, f->srtt >> 1);
	f->block_length = quotient(f->interval_at - now, most(quotient(f->interval_at - now, BLOCK), 1));
	f->block_at = now + f->block_length;
	f->block_rtt = INF;
	f->block_sum = f->block_acks = 0;
	f->low_sum = 0;
	f->low_count = 0;
}

static INLINE void close_interval(struct interval *row, struct mark *mark, struct connection *f, s64 now)
{
	row->start = mark->at;
	row->end = now;
	row->sent = f->sent - mark->sent;
	row->delivered = f->delivered - mark->delivered;
	row->lost = f->lost - mark->lost;
	row->rtt_sum = f->rtt_sum - mark->rtt_sum;
	row->rtt_step_sum = f->rtt_step_sum - mark->rtt_step_sum;
	row->acks = f->acks - mark->acks;
	row->fallback = f->fallback - mark->fallback;
	end_block(f);
	row->rtt_low = f->low_count ? quotient(f->low_sum, f->low_count) : 0;
	row->window = f->window >> FINER;
	row->srtt = f->srtt;
	row->min_rtt = f->min_rtt < INF ? f->min_rtt : 0;
	row->noise = f->noise;
	row->drain_left = f->drain_left;
	row->inflight = f->inflight;
	f->intervals++;
	begin_interval(mark, f, now);
}
