"""What all commands share: consoles, one-sentence errors, and settings from a file and from ``--set``."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from astraea.errors import AstraeaError

__all__ = ["ERR", "OUT", "friendly", "read_tables", "short_for"]

OUT = Console()
ERR = Console(stderr=True, soft_wrap=True)


@contextmanager
def friendly(*, resume: str | None = None) -> Iterator[None]:
    """Turn what a user can mend into one sentence on standard error and a non-zero exit.

    ``resume`` is the command that goes on after an interruption.
    """

    def note(message: Warning | str, *_: object, **__: object) -> None:
        ERR.print(f"note: {message}", style="yellow", markup=False)

    before = warnings.showwarning
    warnings.showwarning = note
    try:
        yield
    except AstraeaError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted" + (f"; go on with: {resume}" if resume else ""), code=130)
    except BrokenPipeError:
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        _fail(f"{error.filename or 'a file'} cannot be written ({error.strerror}): free space or choose another place")
    except MemoryError:
        _fail("the memory of this machine does not suffice: lower scenario.samples or algorithm.clients_per_round")
    finally:
        warnings.showwarning = before


def _fail(sentence: str, code: int = 1) -> None:
    ERR.print(f"astraea: {sentence}", style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def short_for(changes: Sequence[str] | None, options: Mapping[str, str | None]) -> list[str]:
    """Return ``changes`` with those that options of their own stand for, by key, as ``KEY=VALUE``."""
    return [*(changes or []), *(f"{key}={value}" for key, value in options.items() if value is not None)]


def read_tables(
    config: Path | None, changes: Sequence[str] | None, data_dir: Path | None
) -> tuple[dict[str, Any], str]:
    """Return the settings' tables, and where they came from for messages; without a file, the built-in example."""
    from astraea.experiment.settings import EXAMPLE, changed, load_toml, parse_changes

    tables = load_toml(config or EXAMPLE)
    more = parse_changes(changes or ())
    if config is None and "data.site_column" in more:
        tables.pop("scenario")  # the example's clients are not those of these data
    if data_dir is not None:
        more["data.dir"] = str(data_dir)
    return changed(tables, more), str(config or "settings")
