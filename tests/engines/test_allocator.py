import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from astraea.engines.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    return [torch.zeros(2**20) for _ in range(30)]  # 120 MB, every page of them written to
for _ in range(7):  # a heap grows for the first few
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about the C library of Linux")
def test_memory_is_not_asked_for_again_at_every_step() -> None:
    faults = {
        case: int(subprocess.run([sys.executable, "-c", PROGRAM, case], check=True, capture_output=True).stdout)
        for case in ("kept", "usual")
    }
    if faults["usual"] < 4096:
        pytest.skip("this C library keeps memory by itself")
    assert faults["kept"] < faults["usual"] / 4
