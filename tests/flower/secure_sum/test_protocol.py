"""The sum is exact whoever drops out when, up to a third; what is told alone says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from astraea.flower.secure_sum.protocol import (
    KEYS,
    SEALED,
    SHARE,
    ProtocolError,
    masked,
    new_secrets,
    public_keys,
    revealed,
    sealed_shares,
    threshold,
    unmasked,
)


def _sum(counts: Any, without: dict[str, set[int]]) -> tuple[Any, dict[int, bytes]]:
    """Return the sum of ``counts`` ``(K, N)``, where some clients leave before an exchange, and what was masked."""
    own = [new_secrets() for _ in counts]
    keys = [public_keys(one) for one in own]
    needed = threshold(len(counts))
    sealed = {i: sealed_shares(own[i], i, keys) for i in range(len(counts)) if i not in without["shares"]}
    those = {i: keys[i] for i in sealed}
    inputs = {i: masked(own[i], i, counts[i], those, needed) for i in those if i not in without["masked"]}
    shares = {
        i: revealed(own[i], i, those, {j: sealed[j][i] for j in those}, list(inputs), needed)
        for i in inputs
        if i not in without["reveal"]
    }
    assert {len(one) for one in shares.values()} == {SHARE * len(those)}
    assert all(len(part) == SEALED for i in sealed for j, part in enumerate(sealed[i]) if j != i)
    assert {len(one) for one in keys} == {KEYS}
    return unmasked(inputs, shares, those, needed), inputs


def test_two_thirds_are_the_threshold() -> None:
    assert [threshold(clients) for clients in (3, 4, 5, 6, 9, 10)] == [2, 3, 4, 4, 6, 7]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_sum_is_that_of_those_who_told_though_a_third_drops_out(data: st.DataObject) -> None:
    clients = data.draw(st.integers(3, 9))
    counts = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 2**40, (clients, 4))
    order = data.draw(st.permutations(range(clients)))
    gone = order[: data.draw(st.integers(0, clients // 3))]
    when = [data.draw(st.sampled_from(["shares", "masked", "reveal"])) for _ in gone]
    without = {
        name: {one for one, at in zip(gone, when, strict=True) if at == name} for name in ("shares", "masked", "reveal")
    }
    total, inputs = _sum(counts, without)
    there = [i for i in range(clients) if i not in without["shares"] | without["masked"]]
    assert list(inputs) == there
    assert total.tolist() == counts[there].sum(axis=0).tolist()


def test_more_than_a_third_gone_ends_the_sum() -> None:
    counts = np.ones((6, 2), np.int64)
    with pytest.raises(ProtocolError, match="it needs 4"):
        _sum(counts, {"shares": {0, 1, 2}, "masked": set(), "reveal": set()})
    with pytest.raises(ProtocolError, match="only 3 clients are in the secure sum, it needs 4"):
        _sum(counts, {"shares": set(), "masked": {0, 1, 2}, "reveal": set()})
    with pytest.raises(ProtocolError, match="3 clients answered to the end of the secure sum, it needs 4"):
        _sum(counts, {"shares": set(), "masked": set(), "reveal": {0, 1, 2}})


def test_masked_counts_look_the_same_whatever_is_under_them() -> None:
    """Bits of the masked zeros are as often 1 as 0: 6 clients of 64 numbers of 64 bits."""
    _, inputs = _sum(np.zeros((6, 64), np.int64), {"shares": set(), "masked": set(), "reveal": set()})
    bits = np.unpackbits(np.frombuffer(b"".join(inputs.values()), np.uint8))
    assert len(set(inputs.values())) == 6
    assert abs(bits.mean() - 0.5) < 0.02  # 6 standard deviations


def test_a_client_refuses_what_would_give_it_away() -> None:
    own = [new_secrets() for _ in range(3)]
    keys = [public_keys(one) for one in own]
    with pytest.raises(ProtocolError, match="at least 3 clients"):
        sealed_shares(own[0], 0, keys[:2])
    with pytest.raises(ProtocolError, match="different keys"):
        sealed_shares(own[0], 0, [keys[0], keys[1], keys[1]])
    with pytest.raises(ProtocolError, match="each its own"):
        sealed_shares(own[0], 0, [public_keys(new_secrets()), *keys[1:]])
    sealed = [sealed_shares(one, i, keys) for i, one in enumerate(own)]
    mine = {j: sealed[j][0] for j in range(3)}
    mine[2] = mine[2][:-1] + bytes([mine[2][-1] ^ 1])
    with pytest.raises(ProtocolError, match="share that client 2 sealed cannot be opened"):
        revealed(own[0], 0, dict(enumerate(keys)), mine, [0, 1, 2], 2)
