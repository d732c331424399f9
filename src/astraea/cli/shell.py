"""What all commands share: consoles, one-sentence errors, and settings from a file and from ``--set``."""

from __future__ import annotations

import errno
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from astraea.errors import AstraeaError

__all__ = ["COMPILING", "ERR", "OUT", "friendly", "read_tables", "short_for", "told_if_slow"]

COMPILING = "compiling, which takes up to a minute; the next time it is ready"

OUT = Console(markup=False, emoji=False)  # what is printed comes from settings and data: none of it is markup
ERR = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)


@contextmanager
def friendly(*, resume: str | None = None) -> Iterator[None]:
    """Turn what a user can mend into one sentence on standard error and a non-zero exit.

    SIGTERM and SIGHUP interrupt as SIGINT does, with the exit code 128 + their number. ``resume`` is the command that
    goes on after that.
    """

    def note(message: Warning | str, *_: object, **__: object) -> None:
        ERR.print(f"note: {message}", style="yellow")

    before = warnings.showwarning
    warnings.showwarning = note
    came: list[int] = []
    with _interruptible(came):
        try:
            yield
        except AstraeaError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            number = came[0] if came else signal.SIGINT
            how = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
            _fail(f"interrupted{how}" + (f"; go on with: {resume}" if resume else ""), code=128 + number)
        except BrokenPipeError:
            raise typer.Exit(1) from None
        except OSError as error:
            if came:  # a terminal that hung up cannot be written to
                raise typer.Exit(128 + came[0]) from None
            if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
                raise
            what = error.filename or "a file"
            _fail(f"{what} cannot be written ({error.strerror}): free space or choose another place")
        except MemoryError:
            _fail("the memory of this machine does not suffice: lower scenario.samples or algorithm.clients_per_round")
        finally:
            warnings.showwarning = before


@contextmanager
def told_if_slow(sentence: str, seconds: float = 2.0) -> Iterator[None]:
    """Say ``sentence`` on standard error if what is done in the context takes longer than so many ``seconds``."""
    timer = threading.Timer(seconds, lambda: ERR.print(f"astraea: {sentence}", highlight=False))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _interruptible(came: list[int]) -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGINT, SIGTERM or SIGHUP, whose number is added to ``came``.

    What follows must not be interrupted, as it brings work to safety, but by SIGINT: somebody is impatient. A signal
    that was ignored before, as by nohup, stays so.
    """

    def interrupt(number: int, _: object) -> None:
        came.append(number)
        if len(came) == 1 or number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(sentence: str, code: int = 1) -> None:
    shown = "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in sentence)
    with suppress(OSError):  # of a terminal that hung up
        ERR.print(f"astraea: {shown}", style="red", highlight=False)
    raise typer.Exit(code)


def short_for(changes: Sequence[str] | None, options: Mapping[str, str | None]) -> list[str]:
    """Return ``changes`` with those that options of their own stand for, by key, as ``KEY=VALUE``."""
    return [*(changes or []), *(f"{key}={value}" for key, value in options.items() if value is not None)]


def _says_clients(changes: Mapping[str, Any]) -> bool:
    """Whether ``changes`` by key say who the clients are, and so how many."""
    skew = changes.get("scenario.skew")
    named = (skew.get("name") if isinstance(skew, Mapping) else skew) in ("column", "indices")
    says = ("data.site_column", "scenario.skew.", "scenario.sizes", "scenario.name")
    by_file = changes.get("data.name") == "table" and Path(str(changes.get("data.path", ""))).expanduser().is_dir()
    by_folder = changes.get("data.name") == "folder" and changes.get("data.sites") is True
    return named or by_file or by_folder or any(key.startswith(says) for key in changes)


_OWN = ("npz", "table", "folder", "huggingface")


def read_tables(
    config: Path | None, changes: Sequence[str] | None, data_dir: Path | None
) -> tuple[dict[str, Any], str]:
    """Return the settings' tables, and where they came from for messages; without a file, the built-in example.

    The user's own data keep their classes as they are, and get the model that goes by their shape.
    """
    from astraea.experiment.changes import changed, parse_changes
    from astraea.experiment.settings import EXAMPLE, load_toml

    tables = load_toml(config or EXAMPLE)
    more = parse_changes(changes or ())
    if config is None and more.get("data.name") in _OWN:
        # The example's shape of data, and the model for them, are not those of the user's own.
        tables["scenario"] = {} if _says_clients(more) else {"clients": tables["scenario"]["clients"]}
        tables.pop("model")
    if data_dir is not None:
        more["data.dir"] = str(data_dir)
    if config is None:
        return changed(tables, more), "settings"
    return changed(tables, more), f"{config} or --set" if changes else str(config)
