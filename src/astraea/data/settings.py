"""Typed settings of a scenario; their descriptions are the command line's help and the reference page.

The three tables are where a new label distribution, local skew or size distribution is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from astraea.data import labels, partition, sizes
from astraea.data.papers import PAPERS
from astraea.errors import InputError, unknown_name

__all__ = ["LABELS", "OWN_SIZES", "SIZES", "SKEWS", "ScenarioSettings"]

Counts = NDArray[np.int64]


class ScenarioSettings(BaseModel):
    """Who holds what: global label distribution, local skew, client sizes, and the test set.

    The name of a paper's scenario sets all that the paper says; what is given beside it comes first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        "custom",
        description="A scenario of the papers, which sets the rest: " + ", ".join(PAPERS) + "; or custom.",
    )
    clients: int | None = Field(
        None,
        ge=1,
        description="Number of clients. Unset: 100; with skew column or indices, as many as there are. "
        "With skew column, a smaller number draws that many values at random.",
    )
    samples: int | None = Field(
        None, ge=1, description="Training samples in use. Unset: as many as the label distribution permits."
    )

    labels: str = Field(
        "as-is",
        description="Global label distribution: as-is, balanced, letter-frequency, half-normal, zipf, "
        "linear, long-tail or counts; classes in label order, the commonest first.",
    )
    zipf_exponent: float = Field(2.0, ge=0, description="Exponent s of labels = zipf: class of rank r has r^-s.")
    imbalance_factor: float = Field(
        100.0,
        ge=1,
        description="First class to last class with labels = long-tail, which decays exponentially.",
    )
    counts: tuple[int, ...] | None = Field(
        None, description="Samples of each class with labels = counts; relative where samples is set too."
    )
    min_per_class: int = Field(
        1,
        ge=1,
        description="Fewest samples of a class that the label distribution asks for; others give way.",
    )

    skew: str = Field("random", description="Local skew: random, stratified, dirichlet, shards, column or indices.")
    dirichlet_beta: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="Concentration of skew = dirichlet: small means few classes a client.",
    )
    shards_per_client: int = Field(2, ge=1, description="Shards that each client gets with skew = shards.")
    column: str | None = Field(
        None,
        description="Column of the data whose values are the clients with skew = column, such as writer.",
    )
    indices: tuple[tuple[int, ...], ...] | None = Field(
        None, description="Rows of the training set of each client with skew = indices."
    )
    index_file: str | None = Field(
        None,
        description="JSON file with the rows of each client: a list of lists, or an object of named lists.",
    )

    sizes: str = Field(
        "even",
        description="Client sizes: even, lognormal or uploads; skew shards, column and indices bring theirs.",
    )
    lognormal_sigma: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="Standard deviation of the log of a client's size with sizes = lognormal.",
    )

    test: str = Field(
        "as-is",
        description="Test set: as-is, or balanced (as many of each class as the rarest has, at random).",
    )
    test_per_class: int | None = Field(None, ge=1, description="Most samples of each class with test = balanced.")
    test_share: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Share of every class of the training set held out as test set where the data have none.",
    )

    def by_site(self, column: str | None) -> ScenarioSettings:
        """Return the settings with the values of ``column`` as clients, unless the skew was said."""
        if column is None or self.name != "custom" or "skew" in self.model_fields_set:
            return self
        return self.model_copy(update={"skew": "column", "column": column})

    @model_validator(mode="before")
    @classmethod
    def _fill_in_paper(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        paper = dict(PAPERS.get(str(given.get("name")).lower(), {}))
        if not paper:
            return given
        skew = str(given.get("skew", "")).lower()
        if skew in OWN_SIZES:
            del paper["sizes"]  # what is given takes away what no longer applies
        if skew in ("column", "indices"):
            del paper["clients"]
        if str(given.get("test", "balanced")).lower() != "balanced":
            paper.pop("test_per_class", None)
        return {**paper, **given}

    @field_validator("counts", "indices", mode="before")
    @classmethod
    def _from_arrays(cls, given: Any) -> Any:
        if isinstance(given, (list, tuple, np.ndarray)):
            return [row.tolist() if isinstance(row, (np.ndarray, np.integer)) else row for row in given]
        return given

    @field_validator("name", "labels", "skew", "sizes", "test")
    @classmethod
    def _known(cls, name: str, info: Any) -> str:
        known = {
            "name": [*PAPERS, "custom"],
            "labels": LABELS,
            "skew": [*SKEWS, *OWN_SIZES],
            "sizes": SIZES,
            "test": ("as-is", "balanced"),
        }[info.field_name]
        if name.lower() not in known:
            kind = "scenario" if info.field_name == "name" else f"scenario.{info.field_name}"
            raise unknown_name(kind, name, known)
        return name.lower()

    @model_validator(mode="after")
    def _fit_together(self) -> ScenarioSettings:
        for key, owner, kind in (
            ("counts", "labels", "counts"),
            ("column", "skew", "column"),
            ("indices", "skew", "indices"),
            ("index_file", "skew", "indices"),
        ):
            if getattr(self, key) is not None and getattr(self, owner) != kind:
                raise InputError(
                    f"scenario.{key} is given but scenario.{owner} is '{getattr(self, owner)}': "
                    f"set it to '{kind}' or leave {key} out"
                )
        if self.labels == "counts" and self.counts is None:
            raise InputError("scenario.labels is 'counts': give scenario.counts, one number a class")
        if self.skew == "column" and self.column is None:
            raise InputError("scenario.skew is 'column': name it in scenario.column")
        if self.skew == "indices" and (self.indices is None) == (self.index_file is None):
            raise InputError("scenario.skew is 'indices': give either scenario.indices or scenario.index_file")
        if self.skew in OWN_SIZES and self.sizes != "even":
            raise InputError(
                f"scenario.sizes is '{self.sizes}', but skew '{self.skew}' brings its own sizes: "
                f"leave sizes out, or use skew {', '.join(SKEWS)}"
            )
        if self.test_per_class is not None and self.test != "balanced":
            raise InputError("scenario.test_per_class is given but scenario.test is 'as-is': set it to 'balanced'")
        return self


LABELS: Mapping[str, Callable[[ScenarioSettings, Sequence[str], Counts], NDArray[np.float64]]] = {
    "as-is": lambda s, names, pool: pool.astype(np.float64),
    "balanced": lambda s, names, pool: labels.balanced(len(names)),
    "letter-frequency": lambda s, names, pool: labels.letter_frequency(names),
    "half-normal": lambda s, names, pool: labels.half_normal(len(names)),
    "zipf": lambda s, names, pool: labels.zipf(len(names), s.zipf_exponent),
    "linear": lambda s, names, pool: labels.linear(len(names)),
    "long-tail": lambda s, names, pool: labels.long_tail(len(names), s.imbalance_factor),
    "counts": lambda s, names, pool: labels.explicit(s.counts or (), names),
}
"""Relative weight of each class, given the classes' names and their counts in the training pool."""

SIZES: Mapping[str, Callable[[ScenarioSettings, int, int, np.random.Generator], Counts]] = {
    "even": lambda s, samples, clients, rng: sizes.even(samples, clients),
    "lognormal": lambda s, samples, clients, rng: sizes.lognormal(samples, clients, s.lognormal_sigma, rng),
    "uploads": lambda s, samples, clients, rng: sizes.uploads(samples, clients, rng),
}
"""Size of each client, given the numbers of samples and clients."""

SKEWS: Mapping[str, Callable[[ScenarioSettings, Counts, Counts, np.random.Generator], Counts]] = {
    "random": lambda s, y, sizes, rng: partition.random(sizes, rng),
    "stratified": lambda s, y, sizes, rng: partition.stratified(y, sizes, rng),
    "dirichlet": lambda s, y, sizes, rng: partition.dirichlet(y, sizes, s.dirichlet_beta, rng),
}
"""Owner of each sample, given the labels and the clients' sizes."""

OWN_SIZES = ("shards", "column", "indices")
"""Kinds of skew from which the clients' sizes follow."""
