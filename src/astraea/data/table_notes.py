"""What is told of a table before anything trains: what its columns were taken for, and what may be wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from astraea.data.column_signs import doubts
from astraea.data.columns import Column
from astraea.data.dataset import Samples
from astraea.data.row_doubts import (
    gaps_filled,
    given_away,
    of_rows,
    separators,
    spellings,
    unnamed_sites,
    without_spread,
)
from astraea.data.source import source_of
from astraea.data.unlike import unlike_sites, unlike_training

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["kinds_note", "table_doubts"]

_SHOWN = 4


def kinds_note(columns: Sequence[Column], label: str, site: str | None, *, standardise: bool) -> str:
    """Return the sentence that says which columns are what."""
    said = []
    for kind, treated in (
        ("numbers", "standardised, jittered in copies" if standardise else "as they are, jittered in copies"),
        ("whole numbers", "standardised, repeated unchanged" if standardise else "as they are, repeated unchanged"),
        ("codes", "a feature for each value, repeated unchanged"),
    ):
        if names := _of_kind(columns, kind):
            more = ", ..." if len(names) > _SHOWN else ""
            said.append(f"{len(names)} of {kind} ({', '.join(names[:_SHOWN])}{more}: {treated})")
    sites = f", sites '{site}'" if site else ""
    return f"Columns: {'; '.join(said)}; label '{label}'{sites}."


def table_doubts(
    columns: Sequence[Column],
    parts: Mapping[str, DataFrame],
    samples: Mapping[str, Samples],
    label: str,
    site: str | None,
    *,
    kept: Sequence[str],
    one_class: bool,
) -> tuple[str, ...]:
    """Return a sentence for each thing that may be wrong in the ``parts`` of a table: training, test, validation.

    ``one_class`` says that each row has one class, rather than several labels or a number to be predicted.
    """
    frame = parts["training"]
    codes = [column for column in columns if column.kind == "codes"]
    return (
        *doubts(frame, *(_of_kind(columns, kind) for kind in ("whole numbers", "numbers"))),
        *(() if site or kept else unnamed_sites(columns, frame)),
        *gaps_filled(columns, len(frame)),
        *without_spread(columns),
        *(given_away(columns, frame, label) if one_class else ()),
        *(separators(frame[label]) if one_class else ()),
        *(spellings(site, map(str, frame[site].unique())) if site else ()),
        *(note for column in codes for note in spellings(column.name, column.known)),
        *of_rows(samples, columns),
        *unlike_sites(columns, frame, site),
        *_without_sites(parts, site),
        *(
            note
            for part, own in parts.items()
            if part != "training"
            for note in unlike_training(columns, own, source_of(own, f"the {part} set").name)
        ),
    )


def _without_sites(parts: Mapping[str, DataFrame], site: str | None) -> tuple[str, ...]:
    """Note a test set that does not say whose its rows are."""
    if site is None or "test" not in parts or site in parts["test"].columns:
        return ()
    return (f"The test set has no column '{site}': what is measured on it is of all clients together.",)


def _of_kind(columns: Sequence[Column], kind: str) -> list[str]:
    return [column.name for column in columns if column.kind == kind]
