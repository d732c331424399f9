"""From a folder to its page."""

from __future__ import annotations

from pathlib import Path

from astraea.errors import AstraeaError
from astraea.files import write_text
from astraea.reading import DAMAGE, damaged
from astraea.report.page.comparison import comparison_page
from astraea.report.page.congestion import evaluation_page
from astraea.report.page.html import Page, to_html
from astraea.report.page.race import race_page
from astraea.report.page.records import ComparisonRecord, RaceRecord, RunRecord, read_record
from astraea.report.page.run import run_page

__all__ = ["FILE", "page_of", "write_page"]

FILE = "report.html"


def page_of(folder: Path) -> Page:
    """Return the page of what is in ``folder``; raises what :func:`read_record` raises."""
    try:
        record = read_record(folder)
        if isinstance(record, RunRecord):
            return run_page(record)
        if isinstance(record, ComparisonRecord):
            return comparison_page(record)
        return race_page(record) if isinstance(record, RaceRecord) else evaluation_page(record)
    except DAMAGE as error:
        if isinstance(error, AstraeaError):
            raise
        raise damaged(folder, error) from error


def write_page(folder: Path | str, out: Path | str | None = None) -> Path:
    """Write the page of a run, a comparison, an evaluation or a race into ``folder``/report.html, or to ``out``.

    The page is one file of about a megabyte that shows itself in any browser, without a network. Returns its path.
    Raises :class:`astraea.errors.InputError` if the folder holds nothing to show and
    :class:`astraea.errors.RunError` if a file of it is damaged or the page cannot be written.
    """
    path = Path(out) if out is not None else Path(folder) / FILE
    write_text(path, to_html(page_of(Path(folder))))
    return path
