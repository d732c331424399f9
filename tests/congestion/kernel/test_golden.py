"""The kernel's functions make of the golden traces, and of paths drawn at random, the same integers as Python's."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion.connection.record import Interval, dtype_of
from astraea.congestion.golden.path import Path as Trip
from astraea.congestion.golden.path import policy_of, recorded
from astraea.congestion.golden.sender import Decision
from astraea.congestion.golden.traces import Trace, load_traces
from astraea.congestion.kernel import build, golden
from astraea.congestion.kernel.golden import INTERVAL, KernelDecision, KernelSender
from astraea.congestion.kernel.libbpf import update
from astraea.congestion.kernel.policies import SIZE
from astraea.congestion.policy import load_policy
from astraea.congestion.policy.policy import Policy, PolicyHeader

FIELDS = dtype_of(Interval).names or ()
TRACES = load_traces()
pytestmark = pytest.mark.usefixtures("kernel")


@contextmanager
def sender(policy: Policy) -> Iterator[KernelSender]:
    made = KernelSender(policy)
    try:
        yield made
    finally:
        made.close()


def told(trace: Trace, policy: Policy) -> list[KernelDecision]:
    with sender(policy) as kernel:
        answers = [kernel.tell(event, numbers) for event, numbers in trace.events]
    return [answer for answer in answers if answer is not None]


def wanted(decision: Decision) -> KernelDecision:
    interval = dict(zip(FIELDS, decision.interval, strict=True))
    return KernelDecision({name: interval[name] for name in INTERVAL}, *decision[1:])


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)
def test_the_kernel_decides_as_the_traces_say(trace: Trace) -> None:
    assert told(trace, policy_of(trace.control)) == [wanted(decision) for decision in trace.decisions]


def trip(seed: int) -> Trip:
    rng = np.random.default_rng(seed)
    outage = float(rng.uniform(1, 3))
    return Trip(
        f"random {seed}",
        packets_per_s=float(rng.uniform(50, 800)),
        rtt_ms=float(rng.uniform(2, 300)),
        queue=int(rng.integers(4, 60)),
        seconds=4.0,
        loss=float(rng.choice([0.0, 0.001, 0.02, 0.1])),
        mark_above=int(rng.integers(2, 20)) if rng.random() < 0.3 else None,
        outage_s=(outage, outage + float(rng.choice([0.0, 0.2, 1.5]))),
        ack_every=int(rng.integers(1, 6)),
        control={
            "refresh_s": float(rng.uniform(0.7, 3)),
            "ranges": {"window_most": int(rng.integers(4, 80)), "jitter_most": float(rng.choice([0.02, 0.5]))},
        },
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_kernel_decides_as_python_on_random_paths(seed: int) -> None:
    trace = trace_of(trip(seed))
    assert told(trace, policy_of(trace.control)) == [wanted(decision) for decision in trace.decisions]


def trace_of(path: Trip, policy: Policy | None = None) -> Trace:
    made = recorded(path, policy)
    events = [(event[0], event[1:]) for event in made["events"]]
    return Trace(made["name"], made["control"], events, [Decision(*values) for values in made["decisions"]])


def network(widths: tuple[int, ...], seed: int) -> Policy:
    """Return a network by itself, drawn at random, in integers."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, into**-0.5, (into + 1) * out) for into, out in itertools.pairwise(widths)]
    return Policy(PolicyHeader(kind="network", widths=widths), np.concatenate(parts).astype("f4")).quantised()


def residual(seed: int) -> Policy:
    """Return the widest network on top of the law, drawn at random: it turns numbers beyond what is allowed as well."""
    rng, law = np.random.default_rng(seed), policy_of({})
    widths = (10, 32, 32, 4)
    count = sum((into + 1) * out for into, out in itertools.pairwise(widths))
    weights = np.concatenate([law.weights, rng.integers(-400, 400, count)]).astype(np.int32)
    return Policy(law.header.model_copy(update={"kind": "residual", "widths": widths}), weights)


NETWORKS = {
    "deep": lambda: load_policy("deep"),
    "residual": lambda: residual(3),
    "one layer": lambda: network((25, 1), 2),
    "two layers": lambda: network((25, 8, 1), 3),
    "three layers of 32": lambda: network((25, 32, 32, 1), 4),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 6])
def test_the_kernel_runs_networks_to_the_bit(name: str, seed: int) -> None:
    policy = NETWORKS[name]()
    trace = trace_of(trip(seed), policy)
    answers = told(trace, policy_of(trace.control, policy))
    assert answers == [wanted(decision) for decision in trace.decisions]
    assert len({answer.action for answer in answers}) >= 8  # it does decide, and not always the same


@pytest.mark.parametrize("at", [0, 700, -1])
def test_a_weight_that_is_one_unit_off_is_noticed(at: int) -> None:
    policy = network((25, 32, 32, 1), 4)
    trace = trace_of(trip(1), policy)
    weights = policy.weights.copy()
    weights[at] += 1 << 16
    changed = Policy(policy.header, weights)
    assert told(trace, policy_of(trace.control, changed)) != [wanted(decision) for decision in trace.decisions]


MUTANTS = (
    ("law.h", "#define PACE 3", "#define PACE 4"),
    ("law.h", "alone * (ONE - rivals)", "1 + alone * (ONE - rivals)"),
    ("law.h", "#define FASTER 307", "#define FASTER 308"),
    ("law.h", "#define FAST 13056", "#define FAST 13057"),
    ("features.h", "#define RESPONSE_PRIOR 1366", "#define RESPONSE_PRIOR 1367"),
    ("features.h", "newest->delivered * 30000", "newest->delivered * 30001"),
    ("frames.h", "8 * sum->duration >= 7 * span", "8 * sum->duration > 7 * span + 1000"),
    ("measure.h", "rtt - f->srtt) >> 3", "rtt - f->srtt + 1) >> 3"),
    ("noise.h", "#define NOISE_MORE (ONE / 4)", "#define NOISE_MORE (ONE / 4 + 1)"),
    ("noise.h", "#define NOISE_BEYOND 8", "#define NOISE_BEYOND 9"),
    ("noise.h", "#define NOISE_START 8000", "#define NOISE_START 9000"),
    ("noise.h", "#define CALM_BLOCKS 3", "#define CALM_BLOCKS 4"),
    ("noise.h", "#define CALM_OWN 2", "#define CALM_OWN 3"),
    ("noise.h", "#define CALM_MOST 1000000", "#define CALM_MOST 1000001"),
    ("noise.h", "calm = least(f->calm, f->calm_before)", "calm = f->calm"),
    ("noise.h", "f->low_1 = f->low_2 = 0;\n}", "}"),
    ("drains.h", "\telse\n\t\tforget_calm(f);", ""),
    ("drains.h", "age_calm(f);", ""),
    ("window.h", "\tforget_calm(f);\n\tc->window", "\tc->window"),
    ("motion.h", "(per_ms * 1000)", "(per_ms * 1001)"),
    ("motion.h", "UNIT + ((gain", "UNIT + 1 + ((gain"),
    ("window.h", "#define PACING 12", "#define PACING 13"),
    ("drains.h", "#define GENERATION 3", "#define GENERATION 4"),
    ("drains.h", "ONE * smallest", "(ONE + 1) * smallest"),
    ("drains.h", "#define SHORTEST_DRAIN 200000000", "#define SHORTEST_DRAIN 200000001"),
    ("drains.h", "#define EARLY 6", "#define EARLY 7"),
    ("drains.h", "#define LONG 2", "#define LONG 1"),
    ("drains.h", "2 * c->window <= c->widest", "3 * c->window <= c->widest"),
    ("drains.h", "c->widest >>= 1", "c->widest <<= 1"),
    ("swings.h", "#define HOLDS_NS 1000000000", "#define HOLDS_NS 1200000000"),
    ("swings.h", "#define SWING_FACTOR 3", "#define SWING_FACTOR 4"),
    ("detour.h", "#define STEADY_NS 1000000000", "#define STEADY_NS 1200000000"),
    ("detour.h", "#define QUIET 32", "#define QUIET 64"),
    ("detour.h", "2 * jump > far", "3 * jump > 4 * far"),
    ("window.h", "#define SAMPLES 8", "#define SAMPLES 9"),
    ("window.h", "c->holding == 2", "c->holding == 1"),
    ("window.h", "c->drain_until = now + f->srtt;", "c->drain_until = now + f->srtt + 100000000;"),
    ("window.h", "unheard = c->starting && f->delivered == 0", "unheard = 0"),
    ("fallback.h", "#define CUBE 440", "#define CUBE 441"),
    ("window.h", "reduce(c, fall(c, c->window))", "fall(c, c->window)"),
    ("fallback.h", "base < least", "base < least >> 1"),
    ("fallback.h", "#define PATIENCE 8", "#define PATIENCE 9"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant[2])
def test_a_change_by_one_unit_is_noticed(
    mutant: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(mutant, tmp_path, monkeypatch)
    assert any(
        told(trace, policy_of(trace.control)) != [wanted(decision) for decision in trace.decisions] for trace in TRACES
    )


def change(mutant: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel's sender be compiled from a source in which one thing is another."""
    if build.clang_version() != build.CLANG:
        pytest.skip(f"needs clang {build.CLANG}: apt install clang llvm libbpf-dev on Debian 12")
    file, old, new = mutant
    shutil.copytree(build.SOURCE, tmp_path / "source")
    text = (tmp_path / "source" / file).read_text()
    assert text.count(old) == 1
    (tmp_path / "source" / file).write_text(text.replace(old, new))
    monkeypatch.setattr(build, "SOURCE", tmp_path / "source")
    build.compile_program("golden", tmp_path / "golden.bpf.o")
    monkeypatch.setattr(golden, "shipped", lambda _: (tmp_path / "golden.bpf.o").read_bytes())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("two layers", "#define TWICE 2955", "#define TWICE 2956"),
        ("two layers", "total * policy->leak", "total * (policy->leak + 1)"),
        ("three layers of 32", "weight(policy, bias) * ONE", "weight(policy, bias) * (ONE + 1)"),
        ("residual", "x[MEAN_QUEUE + j - 1]", "x[MEAN_QUEUE + j - 2]"),
        ("residual", "#define REACH (4 * ONE)", "#define REACH (4 * ONE - 1)"),
    ],
)
def test_a_change_of_the_network_by_one_unit_is_noticed(
    name: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = NETWORKS[name]()
    traces = [trace_of(trip(seed), policy) for seed in (0, 8)]
    change(("network.h", old, new), tmp_path, monkeypatch)
    assert any(
        told(trace, policy_of(trace.control, policy)) != [wanted(decision) for decision in trace.decisions]
        for trace in traces
    )


def test_without_a_policy_the_window_is_cubics() -> None:
    """A map that holds nothing is safe: nothing is decided, and the window falls back."""
    trace = TRACES[0]
    with sender(policy_of(trace.control)) as kernel:
        update(kernel._program.map("policies"), 0, bytes(SIZE))
        answers = [kernel.tell(event, numbers) for event, numbers in trace.events]
    decisions = [answer for answer in answers if answer is not None]
    assert all(decision.action is None for decision in decisions)
    assert sum(decision.interval["fallback"] for decision in decisions) > 0
    assert decisions[-1].window > 2 << 20
