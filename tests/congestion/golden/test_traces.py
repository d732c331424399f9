"""The golden traces: what is told gives the same intervals, features, actions and windows, bit for bit."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import Interval, dtype_of
from astraea.congestion.golden.path import PATHS, recorded, sender_of
from astraea.congestion.golden.sender import Ack
from astraea.congestion.golden.traces import FILE, Trace, load_traces
from astraea.congestion.observation.features import OBSERVATION_VERSION, ObservationSettings
from astraea.congestion.policy import Policy
from astraea.congestion.policy.law import FAST

TRACES = load_traces()
EACH = pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)


@EACH
def test_a_sender_that_is_told_the_same_decides_the_same(trace: Trace) -> None:
    sender = sender_of(trace.control)
    told = [sender.tell(event, numbers) for event, numbers in trace.events]
    assert [decision for decision in told if decision is not None] == trace.decisions


@EACH
def test_the_command_writes_what_ships(trace: Trace) -> None:
    path = next(path for path in PATHS if path.name == trace.name)
    made = json.loads(json.dumps(recorded(path)))
    assert made["events"] == [[event, *numbers] for event, numbers in trace.events]
    assert made["decisions"] == [list(decision) for decision in trace.decisions]


def test_every_event_and_state_of_the_window_is_met() -> None:
    events = [(event, numbers) for trace in TRACES for event, numbers in trace.events]
    assert {event for event, _ in events} == {"ack", "interval", "timeout"}
    acks = [Ack(*numbers) for event, numbers in events if event == "ack"]
    assert all(sum(getattr(ack, name) for ack in acks) for name in ("undone", "recovered", "loses", "marked"))
    left = (dtype_of(Interval).names or ()).index("drain_left")
    lefts = {decision.interval[left] for trace in TRACES for decision in trace.decisions}
    assert min(lefts) == 0
    assert max(lefts) > 154  # rivals are believed in
    actions = [decision.action for trace in TRACES for decision in trace.decisions]
    assert min(a for a in actions if a is not None) < 0 < max(a for a in actions if a is not None)
    assert None in actions


def test_a_longer_path_is_believed_by_a_drain_of_the_flows_own() -> None:
    names = dtype_of(Interval).names or ()
    base, end = names.index("min_rtt"), names.index("end")
    detour = next(trace for trace in TRACES if trace.name == "a detour")
    at = next(d.interval[end] for d in detour.decisions if d.interval[base] > 80_000_000)
    assert 3.0e9 < at < 3.0e9 + 3.5e9  # before the path's drains have said so


def test_jitter_is_told_from_a_queue_where_there_is_some() -> None:
    noise = (dtype_of(Interval).names or ()).index("noise")
    told = {trace.name: [decision.interval[noise] for decision in trace.decisions] for trace in TRACES}
    assert max(told["jitter"]) > 2_000_000
    for name in ("alone", "drains"):
        assert max(told[name]) == 1_000_000  # the queue of its own start, and no more of it than calm may be
        decisions = next(trace.decisions for trace in TRACES if trace.name == name)
        first = next(number for number, decision in enumerate(decisions) if decision.action is not None)
        assert first < 16
        assert max(told[name][first + 1 :]) == 0  # its first drain has ended that


def test_what_calm_blocks_show_is_noise_on_fast_paths() -> None:
    names = dtype_of(Interval).names or ()
    told = {trace.name: [decision.interval[names.index("noise")] for decision in trace.decisions] for trace in TRACES}
    assert max(told["calm blocks"]) == 1_000_000
    assert 0 < max(told["a fast path"]) < 1_000_000
    rate = [field.name for field in ObservationSettings().fields].index("rate")
    fast = next(trace for trace in TRACES if trace.name == "a fast path")
    rates = [decision.features[rate] for decision in fast.decisions if decision.action is not None]
    assert min(rates) < FAST < max(rates)


def test_a_path_that_loses_a_quarter_ends_below_two_packets() -> None:
    broken = next(trace for trace in TRACES if trace.name == "a broken path")
    assert min(decision.window for decision in broken.decisions) < 2 * UNIT


def test_they_belong_to_this_version_of_the_observation() -> None:
    text = (files("astraea.congestion.golden") / FILE).read_text(encoding="utf-8")
    assert json.loads(text)["observation_version"] == OBSERVATION_VERSION


@pytest.mark.parametrize("mutant", ["gain", "window", "srtt_ns", "number"])
def test_a_difference_of_one_unit_is_noticed(mutant: str) -> None:
    trace = TRACES[0]
    sender = sender_of({"gain": 0.025 + 1 / UNIT} if mutant == "gain" else {})
    told = []
    at = max(k for k, (event, _) in enumerate(trace.events) if event == "interval")
    for number, (event, numbers) in enumerate(trace.events):
        if number == (at if mutant == "srtt_ns" else len(trace.events) // 2):
            if mutant == "window":
                sender.c.window += 1
            elif mutant == "srtt_ns":
                sender.f.srtt_ns += 1
            elif mutant == "number":
                policy = sender._policy
                sender._policy = Policy(policy.header, policy.weights + np.eye(1, 18, dtype=np.int32)[0])
        told.append(sender.tell(event, numbers))
    assert [decision for decision in told if decision is not None] != trace.decisions


def test_traces_hold_integers_alone() -> None:
    for trace in TRACES:
        for decision in trace.decisions:
            values = [*decision.interval, *decision.features, decision.action, *decision[3:]]
            assert {type(value) for value in values} <= {int, type(None)}


def test_a_rival_that_empties_the_queue_is_believed_in_by_swings_of_the_rate() -> None:
    left = (dtype_of(Interval).names or ()).index("drain_left")
    swings = next(trace for trace in TRACES if trace.name == "a rival that empties the queue")
    lefts = [decision.interval[left] for decision in swings.decisions]
    assert 512 in lefts
    assert max(lefts[: lefts.index(512)]) == 0  # no drain told of it
