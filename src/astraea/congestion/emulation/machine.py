"""What emulation needs of the machine: Linux, the right to make namespaces, TUN devices, the controllers."""

from __future__ import annotations

import platform
from pathlib import Path

__all__ = ["controllers", "obstacle", "obstacles"]

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
_TUN = Path("/dev/net/tun")
_CONTROLLERS = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def obstacles() -> list[str]:
    """Return a sentence for each thing that is missing, with what to add; nothing if links can be emulated here."""
    if platform.system() != "Linux":
        return [f"links are emulated with Linux's network namespaces, and this is {platform.system()}"]
    found = []
    if lacking := _lacking():
        found.append(
            f"this process may not make network namespaces: run it as root, or give it {' and '.join(lacking)}"
        )
    if not _TUN.exists():
        found.append("/dev/net/tun is missing: modprobe tun (in a container, start it with --device /dev/net/tun)")
    elif not found:
        try:
            with _TUN.open("rb+", buffering=0):
                pass
        except OSError as error:
            found.append(f"/dev/net/tun cannot be opened ({error.strerror}): load the module tun, or allow the device")
    return found


def obstacle() -> str | None:
    """Return one sentence that says why links cannot be emulated here, or None if they can."""
    return next(iter(obstacles()), None)


def controllers() -> tuple[str, ...]:
    """Return the congestion controllers that this kernel has."""
    return tuple(_CONTROLLERS.read_text(encoding="utf-8").split()) if _CONTROLLERS.is_file() else ()


def _lacking() -> list[str]:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    return [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
