"""Weights of one's own in the average, in place of the clients' sample counts."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import Field, NonNegativeFloat, PrivateAttr, field_validator, model_validator

from astraea.data.scenario import Scenario
from astraea.errors import InputError, unknown_name
from astraea.federation.plan import ChainResult
from astraea.federation.server.aggregation import Aggregator, Sum

__all__ = ["OwnWeights"]


class OwnWeights(Aggregator, name="own-weights"):
    """Each chain weighs what its clients do, as a table of names or a column of the data says."""

    weights: dict[str, NonNegativeFloat] | None = Field(
        None, description="Weight of each client in the average, by its name, or a list of those of clients 0, 1, ..."
    )
    column: str | None = Field(
        None, description="Column with the weight of each sample's client, the same in all of its rows."
    )

    _of: tuple[float, ...] = PrivateAttr(())

    @field_validator("weights", mode="before")
    @classmethod
    def _of_numbers(cls, given: Any) -> Any:
        """Take a list for the weights of clients 0, 1, ..."""
        return {str(client): one for client, one in enumerate(given)} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.weights is None) == (self.column is None):
            raise InputError("server.aggregation is 'own-weights': give either its weights or its column")
        return self

    def among(self, scenario: Scenario) -> Self:
        """Return the weights by the numbers of the clients.

        Raises :class:`InputError` unless each client has one, and not all are 0.
        """
        of = self._from_column(scenario, self.column) if self.column is not None else self._from_names(scenario)
        if not sum(of):
            raise InputError("server.aggregation gives every client the weight 0: give some client a positive one")
        known = self.model_copy()
        known._of = of
        return known

    def _from_names(self, scenario: Scenario) -> tuple[float, ...]:
        weights = self.weights or {}
        for name in weights:
            if name not in scenario.client_names:
                raise unknown_name("client", name, scenario.client_names)
        for name in scenario.client_names:
            if name not in weights:
                raise InputError(f"server.aggregation.weights has none for client '{name}': give each client one")
        return tuple(weights[name] for name in scenario.client_names)

    @staticmethod
    def _from_column(scenario: Scenario, column: str) -> tuple[float, ...]:
        found = scenario.train.columns.get(column)
        if found is None:
            raise unknown_name("column", column, scenario.train.columns)
        of = []
        for name, rows in zip(scenario.client_names, scenario.clients, strict=True):
            values = np.unique(found[rows])
            if len(values) > 1 or values.dtype.kind not in "biuf" or not 0 <= float(values[0]) < np.inf:
                shown = ", ".join(str(value) for value in values[:3])
                raise InputError(
                    f"column '{column}' gives client '{name}' the weights {shown}: give it one number in all rows"
                )
            of.append(float(values[0]))
        return tuple(of)

    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Add one chain's result, weighted by the clients that trained it."""
        trained = {report.client for report in result.reports if report.skipped is None}
        weight = sum(self._of[client] for client in sorted(trained))
        return self.include(total, result, weight) if result.trained and weight else total
