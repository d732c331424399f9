from __future__ import annotations

from pathlib import Path

import pytest

from astraea.errors import RunError
from astraea.figures import arm_style, arm_title, new_figure, plain_axes, write_figure


def test_arms_differ_in_every_picture() -> None:
    styles = [arm_style(number) for number in range(28)]
    assert len({(style.colour, style.line) for style in styles}) == 28
    assert len({(style.colour, style.hatch) for style in styles}) == 28
    assert arm_style(28) == arm_style(0)
    assert arm_style(8).of_line == {"color": arm_style(1).colour, "linestyle": "--"}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("astraea-E5+on-the-fly", "Astraea E=5, on the fly"),
        ("fedavg-critical-path+logit-adjusted", "FedAvg critical path, logit adjusted"),
        ("pooled+copies", "one machine, copies"),
        ("tau_down=3.5", "tau down=3.5"),
        ("my-own", "my own"),
    ],
)
def test_arms_are_called_what_readers_call_them(name: str, title: str) -> None:
    assert arm_title(name) == title


def test_axes_are_plain() -> None:
    axes = new_figure(2, 2).subplots()
    plain_axes(axes, "y")
    assert [axes.spines[side].get_visible() for side in ("top", "right", "left", "bottom")] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_a_picture_has_the_format_of_its_suffix(tmp_path: Path, suffix: str, start: bytes) -> None:
    file = tmp_path / f"picture.{suffix}"
    write_figure(file, new_figure(2, 2))
    assert file.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [file]


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"picture\.png cannot be written"):
        write_figure(tmp_path / "nowhere" / "picture.png", new_figure(2, 2))
