"""What this machine lacks for the policy to run in its kernel."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from astraea.congestion.kernel.libbpf import library

__all__ = ["linux_version", "obstacle", "obstacles"]

_OLDEST = (6, 0)  # programs may set the pacing rate from it on
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_PERFMON": 38, "CAP_BPF": 39}
_ADMIN = 21  # CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON


def obstacles() -> list[str]:
    """Return a sentence for each thing that is missing, with what to add; nothing if the policy can be loaded."""
    if platform.system() != "Linux":
        return [f"the policy runs in the kernel of Linux, and this is {platform.system()}"]
    found = []
    if linux_version() < _OLDEST:
        found.append(
            f"Linux {platform.release()} is too old: congestion control by BPF may pace from 6.0 on; Debian 12 has 6.1"
        )
    if platform.machine() not in ("x86_64", "aarch64"):
        found.append(f"the processor {platform.machine()} is not supported: x86_64 and aarch64 are")
    if not Path("/sys/kernel/btf/vmlinux").exists():
        found.append("the kernel does not describe its types: it needs the option CONFIG_DEBUG_INFO_BTF=y")
    try:
        library()
    except OSError:
        found.append("the library libbpf is missing: apt install libbpf1")
    lacking = _lacking()
    if lacking:
        found.append(f"this process may not load programs: run it as root, or give it {' and '.join(lacking)}")
    if "[confidentiality]" in _text("/sys/kernel/security/lockdown"):
        found.append(
            "the kernel is locked down to 'confidentiality', which keeps BPF programs out: boot without it "
            "(lockdown=integrity is fine)"
        )
    if _text("/proc/sys/net/core/bpf_jit_enable").strip() == "0":
        found.append("the kernel does not compile BPF programs: sysctl net.core.bpf_jit_enable=1")
    return found


def obstacle() -> str | None:
    """Return one sentence that says why the policy cannot be loaded here, or None if it can."""
    return next(iter(obstacles()), None)


def linux_version() -> tuple[int, int]:
    """Return the first two numbers of the kernel's version; (0, 0) where this is not Linux."""
    found = re.match(r"(\d+)\.(\d+)", platform.release()) if platform.system() == "Linux" else None
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _lacking() -> list[str]:
    status = dict(line.split(":", 1) for line in _text("/proc/self/status").splitlines() if ":" in line)
    held = int(status.get("CapEff", "0").strip() or "0", 16)
    if _text("/proc/self/uid_map").split() != ["0", "0", str((1 << 32) - 1)]:
        held = 0  # in a user namespace, capabilities are not those of the machine
    admin = held >> _ADMIN & 1
    return [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1 and not (admin and bit > _ADMIN)]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
