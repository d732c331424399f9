"""The picture of mediators says what their clients hold alone and together."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle

from astraea.report.mediators import mediators_figure


def test_shares_fill_each_row_and_divergences_are_told() -> None:
    figure = mediators_figure([[4, 0], [0, 4], [2, 2]], [[0, 1], [2]], ["cat", "dog"])
    first, second = figure.axes

    assert first.get_title() == "mediator 1\nKL 0.69 alone, 0.00 together"
    assert second.get_title() == "mediator 2\nKL 0.00 alone, 0.00 together"
    assert [label.get_text() for label in first.get_yticklabels()] == ["client 0", "client 1", "together"]
    widths = [bar.get_width() for bar in first.patches if isinstance(bar, Rectangle)]  # a class after the other
    assert widths[:6] == pytest.approx([1, 0, 0.5, 0, 1, 0.5])
