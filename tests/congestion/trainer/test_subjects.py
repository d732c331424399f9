"""What a search begins with."""

from __future__ import annotations

import numpy as np

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.residual import SEEN, TURNED
from astraea.congestion.trainer.subjects import law_subject, network_subject, residual_subject

CONTROL = PolicySettings(gain=0.25)
LOW = [round(n.start * 1024) for n in LAW]


def observations(count: int) -> np.ndarray:
    fields = ObservationSettings().fields
    low, high = (np.array([getattr(f, end) * 1024 for f in fields]) for end in ("low", "high"))
    return np.rint(np.random.default_rng(1).uniform(low, high, (count, len(fields)))).astype(np.int32)


def test_a_residual_begins_as_its_law() -> None:
    law = law_subject(CONTROL).policy(law_subject(CONTROL).start, {})
    subject = residual_subject(LOW, CONTROL, np.random.default_rng(0))
    first = subject.policy(subject.start, {})
    seen = observations(200)
    assert [first.action(x) for x in seen] == [law.action(x) for x in seen]
    raised = subject.start.copy()
    raised[-len(TURNED)] = 1.0  # the last layer's bias of the target
    higher = law_subject(CONTROL).start
    higher[0] += 1.0
    wanted = law_subject(CONTROL).policy(higher, {})
    assert [subject.policy(raised, {}).action(x) for x in seen] == [wanted.action(x) for x in seen]


def test_a_network_begins_with_no_action_at_all() -> None:
    subject = network_subject(CONTROL, np.random.default_rng(0))
    first = subject.policy(subject.start, {})
    assert {first.action(x) for x in observations(50)} == {0.0}
    other = network_subject(CONTROL, np.random.default_rng(1))
    assert other.start.tolist() != subject.start.tolist()
    assert other.spread.tolist() == subject.spread.tolist()


def test_a_first_step_is_as_large_whatever_the_range_of_a_feature() -> None:
    subject = network_subject(CONTROL, np.random.default_rng(0))
    ranges = np.array([max(abs(f.low), abs(f.high)) for f in ObservationSettings().fields])
    assert np.allclose(subject.spread[:25] * ranges, 0.3 / 5)
    residual = residual_subject(LOW, CONTROL, np.random.default_rng(0))
    names = [f.name for f in ObservationSettings().fields]
    seen = ranges[[names.index(name) for name in SEEN]]
    assert np.allclose(residual.spread[:10] * seen, 0.3 / np.sqrt(10))
