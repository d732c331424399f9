from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from astraea.network.fluid.heaps import drop, heaps, push


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5)), max_size=60))
def test_the_smallest_is_first_whatever_is_put_in_and_taken_out(moves: list[tuple[int, float]]) -> None:
    h = heaps([[3], [4, 10]], 10)
    inside: dict[int, float] = {}
    for member, key in moves:
        if member in inside:
            drop(h, 1, 1, member)
            del inside[member]
        else:
            push(h, 1, 1, member, key)
            inside[member] = key
        assert h.size[1, 1] == len(inside)
        if inside:
            first: Any = h.items[1, h.base[1, 1]]
            assert h.key[1, first] == min(inside.values())
