"""What the policy's program in the kernel costs: processor time at 1 Gbit/s beside BBR and CUBIC.

    python benchmarks/kernel_cost.py [--seconds 5] [--repeats 5]

Two network namespaces without a name, joined by veth; the sender's end is held to 1 Gbit/s by a token bucket of the
kernel before a queue of 1 MB. iperf3 sends from one to the other, under each controller in turn, repeat by repeat. The
processor time is that of both iperf3 processes, in which the kernel's work for the connection is counted but for what
ksoftirqd does. The link's round-trip time is far below what the policy is for, so the window is in fallback: each
acknowledgement runs the whole program, and each control interval computes features. Decisions are timed apart, in the
kernel, by ``astraea congestion emulate`` and ``status``. Needs root, iperf3 and iproute2; run it alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import time

from astraea.congestion.kernel import loaded, obstacle

NAME = "astraea_cost"
LINK = """
set -e
ip link set lo up
unshare -n sleep infinity & peer=$!
trap 'kill $peer' EXIT
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add name near0 type veth peer name far0 netns $peer
ip addr add 10.99.0.1/24 dev near0
ip link set near0 up
nsenter --net=/proc/$peer/ns/net sh -c 'ip link set lo up; ip addr add 10.99.0.2/24 dev far0; ip link set far0 up'
tc qdisc add dev near0 root tbf rate 1gbit burst 256kb limit 1mb
echo $peer
read _
"""


def send(near: int, far: int, controller: str, seconds: float) -> tuple[float, float]:
    """Return goodput in Mbit/s and the processor seconds of both ends under ``controller``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    server = subprocess.Popen(
        ["nsenter", f"--net=/proc/{far}/ns/net", "iperf3", "-s", "-1", "-p", "5201"], stdout=subprocess.DEVNULL
    )
    time.sleep(0.5)
    command = ["nsenter", f"--net=/proc/{near}/ns/net", "iperf3", "-c", "10.99.0.2", "-C", controller, "-J"]
    done = subprocess.run([*command, "-t", f"{seconds:g}"], capture_output=True, text=True, check=True)
    server.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] * 1e-6, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    if lacking := obstacle():
        raise SystemExit(lacking)
    with (
        loaded(NAME) as program,
        subprocess.Popen(
            ["unshare", "-n", "bash", "-c", LINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as link,
    ):
        assert link.stdin is not None
        assert link.stdout is not None
        far = int(link.stdout.readline())
        spent: dict[str, list[float]] = {name: [] for name in ("bbr", NAME, "cubic")}
        for _ in range(given.repeats):
            for name, found in spent.items():
                goodput, seconds = send(link.pid, far, name, given.seconds)
                found.append(seconds / (goodput * given.seconds / 1000))
                print(f"{name:>12}: {goodput:7.1f} Mbit/s, {found[-1]:.3f} processor seconds per Gbit")
        link.stdin.close()
        counters = program.counters()
    for name in (NAME, "cubic"):
        ratios = [one / other for one, other in zip(spent[name], spent["bbr"], strict=True)]
        print(f"{name} over bbr: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"fallback: {100 * counters.fallback:.1f} % of the time")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
