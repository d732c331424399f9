"""The unit of systemd that installs the policy whenever the machine starts."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from astraea.errors import RunError
from astraea.files import write_text

__all__ = ["UNIT", "check", "remove", "unit", "write"]

UNIT = Path("/etc/systemd/system/astraea-congestion.service")


def unit(arguments: Sequence[str]) -> str:
    """Return the unit that installs with ``arguments``."""
    command = [sys.executable, "-m", "astraea", "congestion", "kernel", "install", *arguments]
    return f"""[Unit]
Description=Congestion control of astraea
After=local-fs.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={shlex.join(command).replace("%", "%%")}

[Install]
WantedBy=multi-user.target
"""


def check() -> None:
    """Raise :class:`RunError` unless systemd starts this machine."""
    if not Path("/run/systemd/system").is_dir():
        raise RunError("--at-boot writes a unit of systemd, which does not run here: leave it out")


def write(arguments: Sequence[str]) -> None:
    """Write the unit and switch it on. Raises :class:`RunError` if it cannot be."""
    write_text(UNIT, unit(arguments))
    _systemctl("daemon-reload")
    _systemctl("enable", "--quiet", UNIT.name)


def remove() -> bool:
    """Switch the unit off and delete it; return whether there was one."""
    if not UNIT.exists():
        return False
    _systemctl("disable", "--quiet", UNIT.name)
    UNIT.unlink()
    _systemctl("daemon-reload")
    return True


def _systemctl(*arguments: str) -> None:
    try:
        subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=True)
    except OSError as error:
        raise RunError(f"'systemctl' cannot be run: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise RunError(f"'systemctl {' '.join(arguments)}' fails: {error.stderr.strip()}") from None
