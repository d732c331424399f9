import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
import torch
from astraea.engines.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
faults = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [torch.zeros(2**20) for _ in range(30)]  # 120 MB, every page of them written to
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(json.dumps(faults))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about the C library of Linux")
def test_memory_is_not_asked_for_again_at_every_step() -> None:
    faults = {  # the least of a step: the system may move pages at any time, and a heap grows for a few steps
        case: min(
            json.loads(subprocess.run([sys.executable, "-c", PROGRAM, case], check=True, capture_output=True).stdout)
        )
        for case in ("kept", "usual")
    }
    if faults["usual"] < 120:  # 120 MB in pages of 1 MB, larger than any that faults bring at once
        pytest.skip("this C library keeps memory by itself")
    assert faults["kept"] < faults["usual"] / 4
