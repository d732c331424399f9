"""A policy as a card and a picture: what it answers to its own queue and to loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.policy.certificate import certify
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy
from astraea.figures import new_figure
from astraea.tables import Table, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["policy_figure", "policy_summary", "policy_text", "response"]

_QUEUES = np.linspace(0.0, 10.0, 81)  # own queue as observed, log2(1 + 8 q)
_LOSSES = np.linspace(0.0, 7.0, 57)  # log2(1 + 1000 p)
_SHARES = ((10.0, 20.0), (50.0, 30.0), (100.0, 80.0))  # Mbit/s of one flow, base RTT in ms
_PACKET_BITS = 12_000


def policy_summary(policy: Policy) -> dict[str, Any]:
    """Return header, numbers, card and certificate as plain values, ready for JSON."""
    summary: dict[str, Any] = {
        "header": policy.header.model_dump(mode="json"),
        "bytes": int(policy.weights.nbytes),
        "card": policy.card,
    }
    if policy.header.kind in ("law", "residual"):
        found = certify(policy)
        summary["numbers"] = {n.name: w / ONE for n, w in zip(LAW, policy.weights[: len(LAW)].tolist(), strict=True)}
        summary["certificate"] = {"holds": found.holds, "steepest": found.steepest, "flattest": found.flattest}
    return summary


def policy_text(policy: Policy) -> RenderableType:
    """Return the same for a terminal."""
    lines = [f"{policy.header.kind}, {policy.weights.size} numbers, {policy.weights.nbytes} bytes"]
    lines += [f"{name}: {value}" for name, value in policy.card.items() if name != "numbers"]
    parts: list[RenderableType] = [Text("\n".join(lines))]
    if policy.header.kind in ("law", "residual"):
        rows = [
            [part.name, part.meaning, number(weight / ONE, 3)]
            for part, weight in zip(LAW, policy.weights[: len(LAW)].tolist(), strict=True)
        ]
        table = Table(["number", "meaning", "value"], rows, labels=2).rich()
        found = certify(policy)
        verdict = "never rises" if found.holds else "may rise"
        parts += [table, Text(f"certificate: the action {verdict} with the flow's own queue, all else equal")]
    return Group(*parts)


def response(policy: Policy, rate_mbps: float, rtt_ms: float) -> NDArray[np.float64]:
    """Return the actions of a flow in balance over its own queue and loss, shape ``(losses, queues)``.

    All slots of its history show the same queue and loss; it gets ``rate_mbps`` at a base RTT of ``rtt_ms``.
    """
    names = [field.name for field in policy.header.observation.fields]
    per_ms = rate_mbps * 1e3 / _PACKET_BITS
    plain = {
        "pipe": np.log2(1 + 8 * per_ms * rtt_ms),
        "rate": np.log2(1 + 8 * per_ms * 30),
        "standing": 1.0,
        "response": 1.0,
        "inflight": 1.0,
        "interval": max(np.log2(30 / rtt_ms), -1.0),
    }
    actions = np.zeros((len(_LOSSES), len(_QUEUES)))
    for i, loss in enumerate(_LOSSES):
        for j, queue in enumerate(_QUEUES):
            seen = {**plain, "own_queue": queue, "mean_queue": queue, "loss": loss}
            actions[i, j] = policy.action(np.rint([seen.get(name, 0.0) * ONE for name in names]).astype(np.int32))
    return actions


def policy_figure(policy: Policy) -> Figure:
    """Return the response of ``policy``, which observes the set 'packets', at three rates and base RTTs."""
    figure = new_figure(11, 3.6)
    axes = figure.subplots(1, len(_SHARES), sharey=True)
    shades = [
        _shade(axis, response(policy, rate, rtt), f"{rate:g} Mbit/s at {rtt:g} ms")
        for axis, (rate, rtt) in zip(axes, _SHARES, strict=True)
    ]
    axes[0].set_ylabel("loss (%)")
    figure.colorbar(shades[-1], ax=list(axes), label="action: share of the largest step")
    return figure


def _shade(axis: Axes, actions: NDArray[np.float64], title: str) -> Any:
    shade = axis.pcolormesh(_QUEUES, _LOSSES, actions, cmap="RdBu", vmin=-1, vmax=1, shading="nearest", rasterized=True)
    if actions.min() < 0 < actions.max():
        axis.contour(_QUEUES, _LOSSES, actions, levels=[0.0], colors="black", linewidths=1.2)
    ticks = np.array([0, 1, 4, 16, 64])
    axis.set_xticks(np.log2(1 + 8 * ticks), [str(tick) for tick in ticks])
    losses = np.array([0, 0.2, 1, 3, 10])
    axis.set_yticks(np.log2(1 + 10 * losses), [f"{loss:g}" for loss in losses])
    axis.set_xlabel("own packets in the queue")
    axis.set_title(title)
    return shade
