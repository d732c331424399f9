"""What is installed and works on this machine, and what is missing: facts for ``astraea doctor``."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Finding", "examine"]

_CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
_CONTROLLERS = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
_BTF = Path("/sys/kernel/btf/vmlinux")


class Finding(NamedTuple):
    """One thing: ``missing`` is needed by nobody but who wants it, ``broken`` stops something that is there."""

    what: str
    state: Literal["works", "missing", "broken"]
    detail: str
    mend: str = ""


def examine() -> list[Finding]:
    """Return what was found, in the order in which a reader needs it."""
    return [*_base(), *_devices(), *_extras(), *_compiler(), *_data(), *_kernel()]


def _base() -> list[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0.0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [
        Finding("astraea", "works", metadata.version("astraea")),
        Finding("Python", "works", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("machine", "works", f"{cores} cores, {memory:.0f} GiB of memory"),
    ]


def _devices() -> list[Finding]:
    import torch

    built = f"{torch.__version__}, built for " + (
        f"CUDA {torch.version.cuda}" if torch.version.cuda else "processors alone"
    )
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    spare = torch.version.cuda is not None and not cuda
    found = [
        Finding("PyTorch", "works", built, f"no GPU here; a build of a tenth the size: {_CPU_TORCH}" if spare else "")
    ]
    gpu = torch.cuda.get_device_name() if cuda else "no GPU of NVIDIA's that PyTorch can use"
    found.append(Finding("engine.device = cuda", "works" if cuda else "missing", gpu))
    if platform.system() == "Darwin":
        found.append(Finding("engine.device = mps", "works" if mps else "missing", "Apple's GPU"))
    return found


def _extras() -> list[Finding]:
    """Look for what each optional extra of the package brings."""
    found: dict[str, list[str]] = {}
    for line in metadata.requires("astraea") or []:
        match = re.match(r"([\w.-]+)(?:\[[\w,.-]+\])?[^;]*;\s*extra == ['\"]([\w-]+)['\"]", line)
        if match and match[2] not in ("dev", "docs", "bench") and match[1] != "astraea":
            found.setdefault(match[2], []).append(match[1])
    return [_extra(extra, names) for extra, names in sorted(found.items())]


def _extra(extra: str, names: list[str]) -> Finding:
    versions = {name: _version(name) for name in names}
    detail = ", ".join(f"{name} {version or 'is not installed'}" for name, version in versions.items())
    whole = all(versions.values())
    return Finding(
        f"astraea[{extra}]", "works" if whole else "missing", detail, "" if whole else f"pip install {' '.join(names)}"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _compiler() -> list[Finding]:
    """Look whether compiled code can be kept from one command to the next."""
    from numba import config

    named = getattr(config, "CACHE_DIR", "") or os.environ.get("NUMBA_CACHE_DIR")
    place = Path(named) if named else Path(__file__).parent
    if os.access(place, os.W_OK):
        return [Finding("compiled simulator", "works", f"kept in {place}")]
    return [Finding("compiled simulator", "works", f"{place} is read-only: kept in the user's cache instead")]


def _data() -> list[Finding]:
    named = os.environ.get("ASTRAEA_DATA")
    if named is None:
        return [
            Finding("data", "missing", "$ASTRAEA_DATA names no folder", "export ASTRAEA_DATA=FOLDER, or --data-dir")
        ]
    if not Path(named).is_dir():
        return [
            Finding("data", "broken", f"$ASTRAEA_DATA names {named}, which is no folder", "export ASTRAEA_DATA=FOLDER")
        ]
    folders = sorted(path.name for path in Path(named).iterdir() if path.is_dir())
    return [Finding("data", "works", f"{named}: {', '.join(folders) or 'empty'}")]


def _kernel() -> list[Finding]:
    if platform.system() != "Linux":
        return []
    have = _CONTROLLERS.read_text().split() if _CONTROLLERS.is_file() else []
    types = "with" if _BTF.is_file() else "without"
    return [
        Finding(
            "kernel",
            "works",
            f"Linux {platform.release()}, {types} BTF; congestion control: {', '.join(have) or 'unknown'}",
        )
    ]
