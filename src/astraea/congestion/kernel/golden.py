"""The kernel's sender told of recorded events: the functions of the congestion control, compiled to be run at will."""

from __future__ import annotations

import struct
from typing import NamedTuple

from astraea.congestion.golden.sender import Ack
from astraea.congestion.kernel.libbpf import Object, look_up, update
from astraea.congestion.kernel.policies import packed
from astraea.congestion.kernel.program import shipped
from astraea.congestion.policy.policy import Policy

__all__ = ["INTERVAL", "KernelDecision", "KernelSender"]

INTERVAL = (
    *("sent", "delivered", "lost", "rtt_sum", "rtt_step_sum", "acks", "fallback"),
    *("srtt", "min_rtt", "noise", "drain_left", "inflight"),
    *("start", "end", "window", "rtt_low"),
)
"""The fields of an interval that the kernel keeps, in the order of ``struct interval``."""

_START, _ACK, _TIMEOUT, _INTERVAL = range(4)
_EVENT = f"<{2 + len(Ack._fields)}q"
_OBSERVED, _DECIDED = 1, 2
_FEATURES = 25


class KernelDecision(NamedTuple):
    """What a control interval ends with, as :class:`astraea.congestion.golden.sender.Decision` has it."""

    interval: dict[str, int]
    features: list[int]
    action: int | None
    window: int
    enforced: int
    pace: int


class KernelSender:
    """One connection whose window ``policy`` drives, in the kernel; :meth:`close` takes it out."""

    def __init__(self, policy: Policy) -> None:
        """Load it. Raises :class:`astraea.errors.RunError` where the kernel refuses."""
        self._program = Object(shipped("golden"))
        self._program.load()
        self._answers = self._program.map("answers")
        update(self._program.map("policies"), 0, packed(policy))
        self._run(_START, [0])

    def tell(self, event: str, numbers: list[int]) -> KernelDecision | None:
        """Tell of an event, as :meth:`astraea.congestion.golden.sender.Sender.tell` takes it."""
        if event == "ack":
            self._run(_ACK, numbers)
        elif event == "timeout":
            self._run(_TIMEOUT, numbers)
        else:
            now, sent, inflight = numbers
            return self._answer(self._run(_INTERVAL, list(Ack(now, 0, sent, 0, inflight, *[0] * 13))))
        return None

    def close(self) -> None:
        """Take the program out of the kernel."""
        self._program.close()

    def _run(self, kind: int, numbers: list[int]) -> int:
        padded = [kind, *numbers, *[0] * (len(Ack._fields) - len(numbers)), 0]
        return int(struct.unpack(_EVENT, self._program.run("tell", struct.pack(_EVENT, *padded)))[-1])

    def _answer(self, observed: int) -> KernelDecision:
        form = f"<{len(INTERVAL) + _FEATURES + 4}q"
        values = struct.unpack(form, look_up(self._answers, 0, struct.calcsize(form)))
        interval, features = values[: len(INTERVAL)], list(values[len(INTERVAL) : -4])
        action, window, enforced, pace = values[-4:]
        return KernelDecision(
            dict(zip(INTERVAL, interval, strict=True)),
            features if observed >= _OBSERVED else [],
            action if observed == _DECIDED else None,
            window,
            enforced,
            pace,
        )
