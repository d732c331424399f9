"""A path for one sender: a queue that drops what does not fit, losses, marks and outages, packet by packet.

It is what writes the traces, apart from the simulator on purpose: small, in plain Python, and driven by the sender's
window alone. A packet counts as lost when three sent later have arrived; a timeout gives up all that is out, and is
undone when that arrives after all. What comes to an outage waits for its end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from astraea.congestion.connection.record import OPEN
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.golden.sender import Ack, Sender
from astraea.congestion.policy.policy import Policy, shipped_policy

__all__ = ["PATHS", "Path", "policy_of", "recorded", "sender_of"]

_DUPLICATES = 3


@dataclass(frozen=True)
class Path:
    """What a trace is recorded on."""

    name: str
    packets_per_s: float
    rtt_ms: float
    queue: int  # packets
    seconds: float
    loss: float = 0.0
    mark_above: int | None = None
    outage_s: tuple[float, float] = (0.0, 0.0)
    detour: tuple[float, float] = (0.0, 0.0)  # s from which on the path takes so many ms longer
    rival: tuple[float, float] = (1.0, 0.0)  # s in which a rival's queue grows to so many ms, and then it is empty
    jitter_ms: float = 0.0  # mean of an exponential delay, in order
    ack_every: int = 2
    control: dict[str, Any] = field(default_factory=dict)


PATHS = (
    Path("alone", 400, 40, 16, 3.0),
    Path("random loss", 300, 60, 20, 3.0, loss=0.03),
    Path("drains", 150, 50, 30, 6.0, ack_every=3, control={"refresh_s": 1.5}),
    Path("marks and an outage", 200, 30, 12, 4.0, mark_above=8, outage_s=(1.5, 2.4)),
    Path("a detour", 400, 40, 30, 6.5, detour=(3.0, 40.0), control={"refresh_s": 4.0}),
    Path("a detour among many drains", 200, 40, 30, 4.0, detour=(1.5, 40.0), control={"refresh_s": 0.4}),
    Path("a rival that empties the queue", 400, 40, 30, 13.0, rival=(6.0, 80.0), control={"refresh_s": 9.0}),
    Path("a rival to which it yields", 800, 40, 60, 3.5, rival=(30.0, 250.0), control={"refresh_s": 2.4}),
    Path(
        "a rival to which it yields by half",
        400,
        20,
        40,
        4.0,
        rival=(30.0, 350.0),
        ack_every=4,
        control={"refresh_s": 1.8},
    ),
    Path("a queue to which it does not", 150, 40, 60, 4.5, rival=(30.0, 120.0), control={"refresh_s": 1.4}),
    Path("a broken path", 300, 40, 30, 4.0, loss=0.25),
    Path("a short path", 2000, 2, 20, 1.0),
    Path("jitter", 1000, 30, 40, 3.0, jitter_ms=5.0),
    Path("calm blocks", 2000, 20, 60, 4.0, jitter_ms=0.5, ack_every=20, control={"refresh_s": 0.3}),
    Path("a fast path", 60_000, 6, 400, 2.0, jitter_ms=0.03, ack_every=60, control={"refresh_s": 0.3}),
    Path("nothing at first", 400, 40, 16, 3.5, outage_s=(0.0, 1.5)),
    Path("fallback", 300, 40, 40, 10.0, loss=0.005, control={"ranges": {"window_most": 16}}),
)


@dataclass
class _Packet:
    arrives: int  # when its acknowledgement can come; 0: never
    facts: tuple[int, ...]  # what the sender remembers of it
    marked: bool
    missed: int = 0  # sent later and arrived


def policy_of(control: dict[str, Any], policy: Policy | None = None) -> Policy:
    """Return ``policy``, by default the package's, applied with the changes ``control``."""
    given = policy or shipped_policy()
    merged = PolicySettings(**{**given.header.control.model_dump(), **control})
    return Policy(given.header.model_copy(update={"control": merged}), given.weights)


def sender_of(control: dict[str, Any], policy: Policy | None = None) -> Sender:
    """Return a sender under :func:`policy_of`."""
    return Sender(policy_of(control, policy))


def recorded(path: Path, policy: Policy | None = None) -> dict[str, Any]:
    """Return the trace of one sender on ``path`` as plain values."""
    run = _Run(path, sender_of(path.control, policy))
    run.to_end()
    return {"name": path.name, "control": path.control, "events": run.events, "decisions": run.decisions}


class _Run:
    def __init__(self, path: Path, sender: Sender) -> None:
        self.path, self.sender = path, sender
        self.events: list[list[Any]] = []
        self.decisions: list[list[Any]] = []
        self._rng = np.random.default_rng(1)
        self._out: deque[_Packet] = deque()
        self._given_up: deque[_Packet] = deque()  # by a timeout
        self._sent = self._free_at = self._recover_at = self._marks_from = self._latest = 0
        self._timer_at = round(1e9)

    def to_end(self) -> None:
        """Let the sender send until the time is over."""
        f, now, end = self.sender.f, 0, round(self.path.seconds * 1e9)
        while now < end:
            self._send(now)
            due = sorted(packet.arrives for packet in (*self._given_up, *self._out) if packet.arrives)
            heard = due[min(self.path.ack_every, len(due)) - 1] if due else end
            now = min(int(f.interval_at), heard, max(self._timer_at, now))
            if now == f.interval_at:
                self._tell("interval", now, self._sent, int(f.inflight))
            elif now == heard:
                self._acknowledge(now)
                self._timer_at = now + int(f.rto)
            else:
                self._given_up.extend(self._out)
                self._out.clear()
                self._recover_at = self._sent
                self._tell("timeout", now)
                self._timer_at = now + int(f.rto) << 1

    def _tell(self, event: str, *numbers: int) -> None:
        self.events.append([event, *numbers])
        decision = self.sender.tell(event, list(numbers))
        if decision is not None:
            self.decisions.append(list(decision))

    def _send(self, now: int) -> None:
        f, path = self.sender.f, self.path
        while f.inflight + 1 <= f.cwnd:
            if not self._out:
                f.first_sent_at = f.delivered_at = now
            f.inflight += 1
            self._sent += 1
            facts = (now, f.delivered, f.delivered_at, f.first_sent_at, f.inflight, f.lost, 0)
            service = round(1e9 / path.packets_per_s)
            waiting = max(self._free_at - now, 0) // service
            arrives = 0
            if waiting < path.queue:
                self._free_at = max(self._free_at, now) + service
                if path.outage_s[0] <= self._free_at * 1e-9 < path.outage_s[1]:
                    self._free_at = round(path.outage_s[1] * 1e9)
                if self._rng.random() >= path.loss:
                    longer = path.detour[1] if self._free_at * 1e-9 >= path.detour[0] else 0.0
                    queue = path.rival[1] * (self._free_at * 1e-9 / path.rival[0] % 1.0)
                    arrives = self._free_at + round((path.rtt_ms + longer + queue) * 1e6)
                    if path.jitter_ms:
                        arrives += round(self._rng.exponential(path.jitter_ms) * 1e6)
                        self._latest = arrives = max(arrives, self._latest)
            marked = path.mark_above is not None and waiting >= path.mark_above
            self._out.append(_Packet(arrives, tuple(int(fact) for fact in facts), marked))

    def _acknowledge(self, now: int) -> None:
        f = self.sender.f
        undone = bool(self._given_up and 0 < self._given_up[0].arrives <= now)
        if undone:
            self._out.extendleft(reversed(self._given_up))
            self._given_up.clear()
        before = len(self._out)
        arrived = [packet for packet in self._out if 0 < packet.arrives <= now]
        if not arrived:  # of what a timeout gave up, after some that never comes: too late to tell anything
            self._given_up = deque(packet for packet in self._given_up if packet.arrives > now)
            return
        for packet in self._out:
            if not packet.arrives:
                packet.missed += sum(later.facts[0] >= packet.facts[0] for later in arrived)
        self._out = deque(p for p in self._out if (p.arrives > now if p.arrives else p.missed < _DUPLICATES))
        lost = before - len(arrived) - len(self._out)
        open_again = undone or f.recovering == OPEN
        recovered = not open_again and f.delivered + len(arrived) >= self._recover_at - f.lost
        loses = bool((open_again or recovered) and lost)
        marked = not loses and self._sent > self._marks_from and any(packet.marked for packet in arrived)
        if loses:
            self._recover_at = self._sent
        if marked:
            self._marks_from = self._sent + int(f.cwnd)
        flags = (int(undone), int(recovered), int(loses), int(marked))
        newest = arrived[-1].facts
        self._tell("ack", *Ack(now, len(arrived), self._sent, before, len(self._out), lost, *flags, 1, *newest))
