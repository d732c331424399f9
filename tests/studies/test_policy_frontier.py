"""The frontier's picture, from a page's tables alone."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from astraea.errors import InputError

PAGE = """
## grid

| worlds | arm | queueing delay (ms) | lost (%) |
|---|---|---:|---:|
| all | cubic | 11.3 ± 1.0 | 0.27 |
| loss-free | cubic | 1,025.0 ± 1.1 | 0.18 |
| loss-free | policy | 2.6 ± 0.4 | 0.09 |

## friendliness

| beside | arm | own goodput over fair share, median |
|---|---|---:|
| cubic | cubic | 0.999 ± 0.022 |
| cubic | policy | 0.522 ± 0.037 |

## traces

| link | arm | utilisation (%) | queueing delay (ms) |
|---|---|---:|---:|
| 3G | cubic | 97.8 ± 1.8 | 425.7 ± 144.5 |
| 3G | policy | 67.3 ± 12.8 | 148.1 ± 110.9 |
"""


def test_figures_are_those_of_the_section_the_line_and_the_column(script: Callable[[str, str], ModuleType]) -> None:
    figures = script("frontier", "policy").figures
    assert figures(PAGE, "grid", "loss-free", "queueing delay (ms)") == {"cubic": 1025.0, "policy": 2.6}
    assert figures(PAGE, "traces", "3G", "queueing delay (ms)") == {"cubic": 425.7, "policy": 148.1}
    for section, row, column in (("loss", "all", "x"), ("grid", "all", "x"), ("grid", "none", "lost (%)")):
        with pytest.raises(InputError):
            figures(PAGE, section, row, column)


def test_every_arm_is_a_point_in_both_panels(script: Callable[[str, str], ModuleType]) -> None:
    left, right = script("frontier", "policy").draw(PAGE).axes
    assert [text.get_text() for text in left.texts] == [text.get_text() for text in right.texts]
    assert len(left.texts) == 2
    assert sorted(tuple(line.get_xydata()[0]) for line in right.lines[:2]) == [(148.1, 67.3), (425.7, 97.8)]
