/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The policy as a TCP congestion control. What it decides is in the headers, alike for any caller; this file tells
 * them of the socket, and the socket of their window and pace.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "sender.h"

char LICENSE[] SEC("license") = "GPL";

/* Whether cong_control is told of the acknowledgement too, which it is from Linux 6.10 on. */
const volatile u32 four_arguments = 0xA57EAEA; /* written over before loading */

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow);
} flows SEC(".maps");

/* Two policies and which of them counts, so that one can be written while the other is in use. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct policy);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} chosen SEC(".maps");

/* What all connections did together. */
struct counters {
	u64 opened, closed, decisions, decision_ns, time_ns, fallback_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct counters);
} counted SEC(".maps");

#define ADD(field, by) __sync_fetch_and_add(&(field), (by))

static INLINE struct policy *policy_now(void)
{
	u32 zero = 0, slot, *index = bpf_map_lookup_elem(&chosen, &zero);

	if (!index)
		return 0;
	slot = *index & 1;
	return bpf_map_lookup_elem(&policies, &slot);
}

static INLINE struct counters *counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&counted, &zero);
}

static INLINE s64 in_flight(struct tcp_sock *tp)
{
	return (s64)tp->packets_out - tp->sacked_out - tp->lost_out + tp->retrans_out;
}

static INLINE void pace_socket(struct sock *sk, struct tcp_sock *tp, struct flow *flow)
{
	u64 pace = least(flow->c.pace, 1LL << 46), rate = (pace * tp->mss_cache) >> SHIFT;

	if (pace)
		sk->sk_pacing_rate = rate < sk->sk_max_pacing_rate ? rate : sk->sk_max_pacing_rate;
}

SEC("struct_ops/init")
void begin_socket(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	struct flow *flow = bpf_sk_storage_get(&flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct counters *count = counters();
	s64 now = bpf_ktime_get_ns();

	if (sk->sk_pacing_status == SK_PACING_NONE)
		sk->sk_pacing_status = SK_PACING_NEEDED;
	if (!flow)
		return;
	begin(flow, now);
	flow->socket.delivered = tp->delivered;
	flow->socket.lost = tp->lost;
	flow->socket.sent = tp->data_segs_out;
	flow->socket.marked = tp->delivered_ce;
	flow->socket.marks_from = tp->snd_una;
	flow->socket.began = now;
	if (count)
		ADD(count->opened, 1);
}

SEC("struct_ops/release")
void end_socket(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct flow *flow = bpf_sk_storage_get(&flows, sk, 0, 0);
	struct counters *count = counters();

	if (flow && count)
		ADD(count->closed, 1);
	bpf_sk_storage_delete(&flows, sk);
}

/* Losses do not set a threshold: the policy judges them. */
SEC("struct_ops/ssthresh")
u32 keep_threshold(u64 *ctx)
{
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];

	return tp->snd_ssthresh;
}

/* A timeout; the kernel has set the window to what it believes in flight, and one. */
SEC("struct_ops/set_state")
void change_state(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	u8 state = ctx[1];
	struct flow *flow;

	if (state != TCP_CA_LOSS)
		return;
	flow = bpf_sk_storage_get(&flows, sk, 0, 0);
	if (!flow)
		return;
	flow->f.inflight = flow->f.acked = 0;
	on_timeout(&flow->f, &flow->c);
	flow->f.recovering = TIMEOUT;
	pace_socket(sk, tp, flow);
}

/* What a timeout gave up has arrived. */
SEC("struct_ops/undo_cwnd")
u32 undo(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	struct flow *flow = bpf_sk_storage_get(&flows, sk, 0, 0);

	if (!flow || flow->f.recovering != TIMEOUT)
		return tp->snd_cwnd;
	flow->f.recovering = OPEN;
	on_undo(&flow->c);
	return most(tp->snd_cwnd, flow->c.undo_window >> BITS);
}

/* Where a retransmission is acknowledged, TCP takes the round-trip time from its timestamps, which count whole
 * milliseconds and so make it up to one too short. One that was measured is a multiple of 1000 once in 1000 times.
 */
static INLINE int is_measured(long rtt_us)
{
	return rtt_us > 0 && (u64)rtt_us % 1000 != 0;
}

/* Tell the flow of an acknowledgement, as the simulator does: what came, then losses and marks, then the window. */
static INLINE void hear(struct tcp_sock *tp, const struct rate_sample *rs, struct flow *flow, s64 now)
{
	struct connection *f = &flow->f;
	struct window *c = &flow->c;
	struct socket_marks *seen = &flow->socket;
	u32 delivered = tp->delivered, lost = tp->lost, sent = tp->data_segs_out, marked = tp->delivered_ce;
	int state = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
	int marks = marked - seen->marked;

	f->delivered += (u32)(delivered - seen->delivered);
	f->lost += (u32)(lost - seen->lost);
	f->sent += (u32)(sent - seen->sent);
	seen->delivered = delivered;
	seen->lost = lost;
	seen->sent = sent;
	seen->marked = marked;
	f->acked = rs->acked_sacked;
	f->inflight = in_flight(tp);
	f->cwnd = tp->snd_cwnd;
	f->window_max = least(quotient(tp->snd_wnd, most(tp->mss_cache, 1)) + 1, 1 << 20);
	f->window_limited = BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ||
			    (c->starting && tp->snd_cwnd < 2 * tp->max_packets_out);
	f->round_start = 0;
	if (rs->delivered > 0) {
		count_round(f, f->delivered - (u32)(delivered - rs->prior_delivered));
		f->sample_limited = rs->is_app_limited;
		if (rs->interval_us > 0) {
			f->sample_delivered = rs->delivered;
			f->sample_interval = rs->interval_us * 1000;
		}
	}
	if (f->acked)
		f->acks++;
	if (f->acked && is_measured(rs->rtt_us))
		measure_rtt(f, (s64)rs->rtt_us * 1000, f->acked, now);
	else if (f->acked)
		f->rtt_sum += f->last_rtt * f->acked; /* which the mean is taken over */
	if (state < TCP_CA_RECOVERY && f->recovering != OPEN) {
		f->recovering = OPEN;
		on_recovered(c);
	}
	if (state == TCP_CA_RECOVERY) {
		if (f->recovering == OPEN)
			on_loss(f, c);
		f->recovering = RECOVERY;
	} else if (state < TCP_CA_RECOVERY && marks > 0 && (s32)(tp->snd_una - seen->marks_from) > 0) {
		seen->marks_from = tp->snd_nxt;
		on_mark(f, c, now);
	}
	if (f->srtt > 0)
		on_ack(flow, now);
}

SEC("struct_ops/cong_control")
void control(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	const struct rate_sample *rs;
	struct flow *flow = bpf_sk_storage_get(&flows, sk, 0, 0);
	struct policy *policy = policy_now();
	u64 window, began;
	s64 now = tp->tcp_mstamp * 1000;

	if (four_arguments) /* by hand: the verifier takes no offset that is computed */
		asm volatile("%0 = *(u64 *)(%1 + 24)" : "=r"(rs) : "r"(ctx));
	else
		asm volatile("%0 = *(u64 *)(%1 + 8)" : "=r"(rs) : "r"(ctx));
	if (!flow || !policy)
		return;
	follow(flow, policy);
	hear(tp, rs, flow, now);
	if (now >= flow->f.interval_at && flow->f.srtt > 0) {
		struct counters *count = counters();

		began = bpf_ktime_get_ns();
		if (conclude(flow, policy, now) == DECIDED && count) {
			ADD(count->decisions, 1);
			ADD(count->decision_ns, bpf_ktime_get_ns() - began);
		}
		if (count) {
			ADD(count->time_ns, flow->interval.end - flow->interval.start);
			ADD(count->fallback_ns, flow->interval.fallback);
		}
	}
	window = flow->f.cwnd;
	tp->snd_cwnd = least(window, tp->snd_cwnd_clamp);
	pace_socket(sk, tp, flow);
}

SEC(".struct_ops")
struct tcp_congestion_ops congestion_control = {
	.init = (void *)begin_socket,
	.release = (void *)end_socket,
	.ssthresh = (void *)keep_threshold,
	.set_state = (void *)change_state,
	.undo_cwnd = (void *)undo,
	.cong_control = (void *)control,
	.flags = 1, /* any user may choose it */
	.name = "name_of_its_own", /* written over before loading */
};
