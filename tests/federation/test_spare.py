"""Memory is lent anew only when nobody holds it."""

from __future__ import annotations

import numpy as np
import torch

from astraea.federation.spare import Spare


def test_a_vector_is_lent_anew_when_nobody_holds_it_or_a_part_of_it() -> None:
    spare = Spare(4, np.dtype(np.float32))
    first, second = spare.vector(), spare.vector()
    first[:] = 1
    part, places = first[1:], {first.data_ptr(), second.data_ptr()}
    assert len(places) == 2
    del first
    third = spare.vector()
    assert third.dtype == torch.float32
    assert third.data_ptr() not in places  # part of the first one is still held
    place = second.data_ptr()
    del second
    assert spare.vector().data_ptr() == place
    assert part.tolist() == [1.0, 1.0, 1.0]
