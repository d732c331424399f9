"""Fixtures that every part of the tests shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# No deadline, since a busy machine would fail good tests; the same examples each time where a failure must repeat.
settings.register_profile("astraea", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("astraea")


# Under nohup and in some schedulers the signal of a closed terminal is ignored, and child processes inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background processes have it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real data files; tests that need one skip where there is none."""
    folder = os.environ.get("ASTRAEA_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set ASTRAEA_DATA to a folder that holds it")
    return Path(folder)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Draw what is drawn without a generator, as a model's initial weights, the same whatever ran before."""
    torch.manual_seed(0)
