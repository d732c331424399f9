/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a flow has measured, interval by interval: astraea/congestion/observation/frames.py. */
#pragma once
#include "fixed_point.h"
#include "flow.h"

static INLINE struct frame *frame_at(struct flow *flow, s64 back)
{
	return &flow->frames[(flow->history.count - 1 - back) & (FRAMES - 1)];
}

/* Add the closed interval; return whether it completes a frame. */
GLOBAL int record(struct flow *flow)
{
	if (!flow)
		return 0;

	struct interval *interval = &flow->interval;
	struct history *history = &flow->history;
	struct frame *frame = &flow->frames[history->count & (FRAMES - 1)];

	if (!history->open) {
		frame->duration = 0;
		frame->sent = 0;
		frame->delivered = 0;
		frame->lost = 0;
	}
	frame->duration += quotient(interval->end - interval->start, 1000);
	frame->sent += interval->sent;
	frame->delivered += interval->delivered;
	frame->lost += interval->lost;
	if (interval->acks == 0 || frame->duration == 0) {
		history->open = 1;
		return 0;
	}
	history->open = 0;
	frame->acks = interval->acks;
	frame->rtt_sum = quotient(interval->rtt_sum, 1000);
	frame->rtt_step_sum = quotient(interval->rtt_step_sum, 1000);
	frame->rtt_low = most(quotient(interval->rtt_low, 1000), 1);
	frame->srtt = most(quotient(interval->srtt, 1000), 1);
	frame->base_rtt = most(quotient(interval->min_rtt + interval->noise, 1000), 1);
	frame->window = interval->window;
	frame->inflight = interval->inflight;
	frame->drain_left = interval->drain_left;
	history->count++;
	return 1;
}

/* Add up frames from `back` before the newest on until they cover seven eighths of `span`; return the next `back`. */
GLOBAL int merge(struct flow *flow, int back, s64 span, struct merged *sum)
{
	s64 low_sum = 0, count = 0, held;

	if (!flow || !sum)
		return 0;
	sum->duration = sum->sent = sum->delivered = sum->lost = sum->rtt_sum = sum->window = 0;
	held = least(flow->history.count, FRAMES);
	for (int step = 0; step < FRAMES; step++) {
		if (back >= held || 8 * sum->duration >= 7 * span)
			break;
		struct frame *frame = frame_at(flow, back);

		if (sum->duration == 0)
			sum->window = frame->window;
		sum->duration += frame->duration;
		sum->sent += frame->sent;
		sum->delivered += frame->delivered;
		sum->lost += frame->lost;
		sum->rtt_sum += frame->rtt_sum;
		low_sum += frame->rtt_low;
		count++;
		back++;
	}
	sum->low = quotient(low_sum, most(count, 1));
	return back;
}
