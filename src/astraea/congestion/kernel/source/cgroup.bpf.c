/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Connections of a cgroup begin under a congestion control: there is no sysctl for it. */
#include "types.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum { BPF_SOCK_OPS_TCP_CONNECT_CB = 3, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5 };
enum { SOL_TCP = 6, TCP_CONGESTION = 13 };

/* The first field of the kernel's, which programs may read. */
struct bpf_sock_ops {
	u32 op;
};

char name[16] SEC(".data") = "name_of_its_own"; /* written over before loading */

SEC("sockops")
int choose(struct bpf_sock_ops *event)
{
	if (event->op == BPF_SOCK_OPS_TCP_CONNECT_CB || event->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_setsockopt(event, SOL_TCP, TCP_CONGESTION, name, sizeof(name));
	return 1;
}
