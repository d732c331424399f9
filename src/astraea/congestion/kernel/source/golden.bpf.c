/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The same sender told of recorded events, one a run: what it makes of them is compared with golden traces. */
#include "types.h"
#include <bpf/bpf_helpers.h>
#include "sender.h"

char LICENSE[] SEC("license") = "GPL";

enum { BPF_MAP_TYPE_ARRAY = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct policy);
} policies SEC(".maps");

/* What an interval ends with. */
struct answer {
	struct interval interval;
	s64 features[FEATURES];
	s64 action, window, enforced, pace;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct answer);
} answers SEC(".maps");

enum { START, ACK, TIMER, CONCLUDE };

/* An event: the fields of Ack in astraea/congestion/golden/sender.py, of which other events use a few. */
struct event {
	s64 kind, now, acked, sent, inflight_before, inflight, newly_lost, undone, recovered, loses, marked,
		window_limited, packet_sent, packet_delivered, packet_delivered_at, packet_first_sent_at,
		packet_inflight, packet_lost, packet_limited;
	s64 observed; /* answer: what came of the interval */
};

static INLINE void acknowledge(struct flow *flow, struct event *ack)
{
	struct connection *f = &flow->f;
	struct window *c = &flow->c;

	f->delivered += ack->acked;
	f->acks++;
	f->acked = ack->acked;
	f->sent = ack->sent;
	f->window_limited = ack->window_limited;
	f->sample_interval = most(ack->packet_sent - ack->packet_first_sent_at, ack->now - ack->packet_delivered_at);
	f->sample_delivered = f->delivered - ack->packet_delivered;
	f->sample_limited = ack->packet_limited;
	count_round(f, ack->packet_delivered);
	measure_rtt(f, ack->now - ack->packet_sent, ack->acked, ack->now);
	f->lost += ack->newly_lost;
	f->inflight = ack->inflight;
	if (ack->undone) {
		f->recovering = OPEN;
		on_undo(c);
	}
	if (ack->recovered) {
		f->recovering = OPEN;
		on_recovered(c);
	}
	if (ack->loses) {
		f->recovering = RECOVERY;
		on_loss(f, c);
	}
	if (ack->marked)
		on_mark(f, c, ack->now);
	on_ack(flow, ack->now);
}

SEC("syscall")
int tell(struct event *event)
{
	u32 zero = 0;
	struct flow *flow = bpf_map_lookup_elem(&flows, &zero);
	struct policy *policy = bpf_map_lookup_elem(&policies, &zero);
	struct answer *answer = bpf_map_lookup_elem(&answers, &zero);
	struct event told = *event;

	if (!flow || !policy || !answer)
		return 1;
	follow(flow, policy);
	event->observed = NOTHING;
	if (told.kind == START) {
		begin(flow, told.now);
		follow(flow, policy);
	} else if (told.kind == ACK) {
		acknowledge(flow, &told);
	} else if (told.kind == TIMER) {
		flow->f.inflight = flow->f.acked = 0;
		on_timeout(&flow->f, &flow->c);
		flow->f.recovering = TIMEOUT;
	} else {
		flow->f.sent = told.sent;
		flow->f.inflight = told.inflight;
		event->observed = conclude(flow, policy, told.now);
		answer->interval = flow->interval;
		for (int k = 0; k < FEATURES; k++)
			answer->features[k] = flow->features[k];
		answer->action = flow->action;
		answer->window = flow->c.window;
		answer->enforced = flow->f.window;
		answer->pace = flow->c.pace;
	}
	return 0;
}
