"""Typed settings of a scenario; their descriptions are the command line's help and the reference page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from astraea.data import by_class, named_clients
from astraea.data.labels import AsIs, LabelDistribution
from astraea.data.papers import PAPERS
from astraea.data.partition import Random, Skew
from astraea.data.sizes import Even, Sizes
from astraea.errors import InputError, unknown_name
from astraea.parts import Settings
from astraea.parts.base import Moved

__all__ = ["ScenarioSettings"]

_PARTS = (by_class, named_clients)  # their skews are registered by their import


class ScenarioSettings(Settings):
    """Who holds what: global label distribution, local skew, client sizes, and the test set.

    The name of a paper's scenario sets all that the paper says; what is given beside it comes first.
    """

    moved: ClassVar = {
        "zipf_exponent": Moved("labels", "exponent", 2.0),
        "imbalance_factor": Moved("labels", "factor", 100.0),
        "counts": Moved("labels", "counts"),
        "dirichlet_beta": Moved("skew", "beta", 0.5),
        "shards_per_client": Moved("skew", "per_client", 2),
        "column": Moved("skew", "column"),
        "indices": Moved("skew", "indices"),
        "index_file": Moved("skew", "index_file"),
        "lognormal_sigma": Moved("sizes", "sigma", 1.0),
    }

    name: str = Field(
        "custom",
        description="A scenario of the papers, which sets the rest: " + ", ".join(PAPERS) + "; or custom.",
    )
    clients: int | None = Field(
        None,
        ge=1,
        description="Number of clients. Unset: 100; with skew column or indices, as many as there are. "
        "With skew column, a smaller number draws that many values at random. A table of named lists of rows is the "
        "same as skew indices.",
    )
    samples: int | None = Field(
        None, ge=1, description="Training samples in use. Unset: as many as the label distribution permits."
    )

    labels: LabelDistribution = Field(default_factory=AsIs, description="Global label distribution.")
    min_per_class: int = Field(
        1,
        ge=1,
        description="Fewest samples of a class that the label distribution asks for; others give way.",
    )

    skew: Skew = Field(default_factory=Random, description="Local skew: which client holds which sample.")
    sizes: Sizes = Field(
        default_factory=Even,
        description="Client sizes; skew shards, classes, dirichlet-by-class, column and indices bring theirs.",
    )
    least_size: int = Field(
        1,
        ge=1,
        description="Fewest samples of a client: drawn sizes are raised to it, dirichlet-by-class is drawn again until "
        "each client has as many, and clients that the data name are left out if they have fewer.",
    )
    feature_noise: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Noise on the samples of client k of K: k/K times so many standard deviations of the feature or "
        "channel. Test and validation samples get none.",
    )
    label_noise: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of each client's training labels that is replaced by another class.",
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
        return self.model_copy(update={"skew": named_clients.Column(column=column)})

    @classmethod
    def completed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Fill in what the paper says whose scenario is named; what is given takes away what no longer applies."""
        if isinstance(given.get("clients"), Mapping):
            if "skew" in given:
                raise InputError("scenario.clients lists rows, and so says the skew: leave scenario.skew out")
            given = {**given, "clients": None, "skew": {"name": "indices", "indices": given["clients"]}}
        paper = dict(PAPERS.get(str(given.get("name")).lower(), {}))
        if paper and "skew" in given:
            skew = Skew.registered().get(str(Skew.table(given["skew"])["name"]).lower(), type(given["skew"]))
            if getattr(skew, "brings_sizes", False):
                del paper["sizes"]
            if getattr(skew, "names_clients", False):
                del paper["clients"]
        if str(given.get("test", "balanced")).lower() != "balanced":
            paper.pop("test_per_class", None)
        return {**paper, **given}

    @field_validator("name", "test")
    @classmethod
    def _known(cls, name: str, info: Any) -> str:
        known = [*PAPERS, "custom"] if info.field_name == "name" else ("as-is", "balanced")
        if name.lower() not in known:
            raise unknown_name("scenario" if info.field_name == "name" else "scenario.test", name, known)
        return name.lower()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.skew.brings_sizes and not isinstance(self.sizes, Even):
            others = (name for name, skew in Skew.registered().items() if not skew.brings_sizes)
            raise InputError(
                f"scenario.sizes is '{self.sizes.name}', but skew '{self.skew.name}' brings its own sizes: "
                f"leave sizes out, or use skew {', '.join(others)}"
            )
        listed = self.sizes.listed
        if listed and self.clients not in (None, len(listed)):
            raise InputError(
                f"scenario.clients is {self.clients}, but scenario.sizes lists {len(listed)} sizes: leave clients out"
            )
        if self.test_per_class is not None and self.test != "balanced":
            raise InputError("scenario.test_per_class is given but scenario.test is 'as-is': set it to 'balanced'")
        return self
