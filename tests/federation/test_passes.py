"""One pass over values: copied, compared, measured and sketched, in parts or at once."""

from __future__ import annotations

import numpy as np

from astraea.federation.passes import WIDTH, taken_up


def test_a_part_is_copied_to_its_place_and_squares_fall_into_columns() -> None:
    minus, into, squares = np.ones(WIDTH + 3, np.float32), np.zeros(WIDTH + 3, np.float32), np.zeros(WIDTH)
    taken_up(np.array([3.0, 0.0, 4.0], np.float32), WIDTH - 1, minus, into, squares, None, None, None, None, 1)
    assert into[WIDTH - 2 :].tolist() == [0.0, 3.0, 0.0, 4.0, 0.0]
    assert (squares[WIDTH - 1], squares[:3].tolist()) == (4.0, [1.0, 9.0, 0.0])


def test_rows_have_signs_blocks_of_rows_turn_them_and_one_row_in_several_is_shown() -> None:
    """The second block of two rows turns them; of the first one the second row is shown, and of the other the first."""
    values = np.repeat(np.array([1.0, 2.0, 4.0, 8.0], np.float32), WIDTH)
    signs = np.stack([np.ones(WIDTH), -np.ones(WIDTH)]).astype(np.float32)
    flips, shown = np.array([1.0, -1.0], np.float32), np.array([1, 0])
    for step, expected in ((1, 1 - 2 - 4 + 8), (2, -2 - 4)):
        sums = np.zeros(WIDTH, np.float32)
        taken_up(values, 0, None, None, np.zeros(WIDTH), sums, signs, flips, shown, step)
        assert sums.tolist() == [expected] * WIDTH
