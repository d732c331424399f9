"""What is known of congestion controllers, looked for in the simulator: figures on standard output, and pictures.

    python benchmarks/congestion_facts.py --out docs/images

takes some two minutes on one core; names of facts after it (such as ``bbr``) choose among them.
``docs/explanation/congestion-facts.md`` says what to make of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from astraea.congestion import simulate
from astraea.congestion.metrics.score import Score, score
from astraea.congestion.race import race_world
from astraea.report.congestion.race import race_figure

COLORS = {"newreno": "#5f6b7a", "cubic": "#2f6db3", "vegas": "#8a5bb5", "copa": "#2e8b57", "bbr": "#d9772b"}
NOISE = "jitter_ms=0.5"  # without any, drop-tail queues lock flows into phase (Floyd and Jacobson, 1991)


def found(flows: Sequence[str], **fields: Any) -> Score:
    """Return the score of a race at 100 Mbit/s."""
    return score(simulate(race_world(flows, **{"rtt_ms": 30.0, "duration_s": 60.0, **fields})))


def canvas(columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return an empty picture with ``columns`` panels."""
    figure = Figure(figsize=(4.6 * columns + 0.4, 3.6), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure, list(axes)


def rtt_unfairness(out: Path) -> None:
    """Two flows of one kind, 20 ms against a longer round-trip time, with and without a little noise."""
    rtts, seeds = (20, 40, 60, 80, 120, 160, 200), range(5)
    figure, axes = canvas(
        2, "Goodput of a 20 ms flow over that of a flow with a longer RTT, 100 Mbit/s, 250 kB of buffer"
    )
    for axis, (label, extra) in zip(axes, (("0.5 ms of jitter", f",{NOISE}"), ("no jitter at all", "")), strict=True):
        for name in ("newreno", "cubic"):
            ratios = []
            for rtt in rtts:
                runs = [
                    found(
                        [f"{name},rtt_ms=20{extra}", f"{name},rtt_ms={rtt}{extra}"], rtt_ms=20, duration_s=120.0, seed=s
                    )
                    for s in (seeds if extra else range(1))
                ]
                ratios.append([run.flows[0].goodput_mbps / run.flows[1].goodput_mbps for run in runs])
            mean = [float(np.exp(np.mean(np.log(row)))) for row in ratios]
            axis.plot(rtts, mean, "o-", color=COLORS[name], label=name)
            axis.fill_between(
                rtts, [min(row) for row in ratios], [max(row) for row in ratios], color=COLORS[name], alpha=0.2
            )
            print(f"RTT unfairness, {label}, {name}:", {r: round(m, 2) for r, m in zip(rtts, mean, strict=True)})
        axis.plot(rtts, [r / 20 for r in rtts], ":", color="black", label="ratio of base RTTs")
        axis.set(title=label, xlabel="RTT of the longer flow, ms", yscale="log", ylim=(0.3, 120))
    axes[0].set_ylabel("short / long")
    axes[0].legend(frameon=False)
    figure.savefig(out / "facts-rtt-unfairness.png", dpi=110)


def vegas_against_cubic(out: Path) -> None:
    """A delay-based flow that was there first, and what becomes of it when CUBIC comes."""
    result = simulate(race_world(["vegas", "cubic,start_s=20"], rtt_ms=30.0, duration_s=60.0, buffer_bdp=2.0))
    race_figure(result, "Vegas, joined by CUBIC after 20 s: 100 Mbit/s, 30 ms, 2 BDP of buffer").savefig(
        out / "facts-vegas-cubic.png", dpi=80
    )
    for buffer in (0.5, 1.0, 2.0, 4.0):
        vegas, cubic = found(["vegas", "cubic"], buffer_bdp=buffer).flows
        print(f"Vegas against CUBIC, buffer {buffer} BDP: {vegas.goodput_mbps:.1f} and {cubic.goodput_mbps:.1f} Mbit/s")


def bbr(out: Path) -> None:
    """BBR's queue among its own kind, and its share beside CUBIC, over the size of the buffer."""
    buffers = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    alone = {name: [found([name, name], buffer_bdp=b) for b in buffers] for name in ("bbr", "cubic")}
    mixed = [found(["bbr", "cubic"], buffer_bdp=b) for b in buffers]
    figure, (share, queue, loss) = canvas(3, "BBR over the size of the buffer: 100 Mbit/s, 30 ms")
    share.plot(buffers, [run.flows[0].goodput_mbps for run in mixed], "o-", color=COLORS["bbr"], label="bbr")
    share.plot(buffers, [run.flows[1].goodput_mbps for run in mixed], "o-", color=COLORS["cubic"], label="cubic")
    share.set(ylabel="goodput, Mbit/s", title="one BBR flow beside one CUBIC flow", ylim=(0, 100))
    for name, runs in alone.items():
        queue.plot(buffers, [run.queue_ms for run in runs], "o-", color=COLORS[name], label=f"2 × {name}")
        loss.plot(buffers, [100 * run.loss for run in runs], "o-", color=COLORS[name], label=f"2 × {name}")
    queue.set(ylabel="mean queueing delay, ms", title="two flows of a kind", yscale="log")
    loss.set(ylabel="lost, %", title="two flows of a kind")
    for axis in (share, queue, loss):
        axis.set(xscale="log", xlabel="buffer, BDP")
        axis.legend(frameon=False)
    figure.savefig(out / "facts-bbr.png", dpi=110)
    for buffer, one, own, cubic in zip(buffers, mixed, alone["bbr"], alone["cubic"], strict=True):
        a, b = (flow.goodput_mbps for flow in one.flows)
        print(
            f"BBR, buffer {buffer} BDP: {a:.1f} beside CUBIC's {b:.1f} Mbit/s; two BBR queue {own.queue_ms:.1f} ms "
            f"and lose {own.loss:.2%}, two CUBIC {cubic.queue_ms:.1f} ms and {cubic.loss:.2%}"
        )


def random_loss(out: Path) -> None:
    """Utilisation of a single flow under random loss."""
    losses = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2)
    figure, (axis,) = canvas(1, "One flow under random loss: 100 Mbit/s, 30 ms, 1 BDP")
    for name, color in COLORS.items():
        used = [found([name], link=[f"loss={loss}"]).flows[0].goodput_mbps for loss in losses]
        axis.plot(losses, used, "o-", color=color, label=name)
        print(f"random loss, {name}:", {loss: round(mbps, 1) for loss, mbps in zip(losses, used, strict=True)})
    law = [min(np.sqrt(1.5 / loss) * 0.012 / 0.030, 100) for loss in losses]  # packets per RTT, in Mbit/s
    axis.plot(losses, law, ":", color="black", label=r"$\sqrt{1.5/p}$ packets per RTT")
    axis.set(xscale="log", yscale="log", xlabel="probability of loss", ylabel="goodput, Mbit/s")
    axis.legend(frameon=False, fontsize="small")
    figure.savefig(out / "facts-random-loss.png", dpi=110)


def starvation(out: Path) -> None:
    """Two flows of a kind, one of which suffers jitter on its path."""
    jitters = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
    figure, (axis,) = canvas(1, "Two flows of a kind, one with jitter: 100 Mbit/s, 30 ms, 4 BDP")
    for name, color in COLORS.items():
        flow = f"{name},paced=true" if name in ("newreno", "cubic") else name  # else bursts after bunched ACKs lose
        runs = [found([flow, f"{flow},jitter_ms={jitter}"], buffer_bdp=4.0) for jitter in jitters]
        shares = [run.flows[1].goodput_mbps / sum(flow.goodput_mbps for flow in run.flows) for run in runs]
        axis.plot(jitters, [100 * share for share in shares], "o-", color=color, label=name)
        print(f"share of the flow with jitter, {name}:", {j: round(s, 3) for j, s in zip(jitters, shares, strict=True)})
    axis.axhline(50, linestyle=":", color="black")
    axis.set(xlabel="mean jitter, ms", ylabel="share of the flow with jitter, %", ylim=(0, 80))
    axis.legend(frameon=False, fontsize="small")
    figure.savefig(out / "facts-starvation.png", dpi=110)


def main() -> None:
    """Look for all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder for the pictures")
    facts = {fact.__name__: fact for fact in (rtt_unfairness, vegas_against_cubic, bbr, random_loss, starvation)}
    parser.add_argument("facts", nargs="*", help=f"which, of {', '.join(facts)}; by default all")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.facts or facts:
        facts[name](chosen.out)


if __name__ == "__main__":
    main()
