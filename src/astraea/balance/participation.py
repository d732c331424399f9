"""Who takes part in a round: uniformly, or those who hold rare classes more often.

A rule gives each client a weight from all clients' histograms. The weights become inclusion probabilities
that hold exactly (systematic sampling, Madow 1949), so the class distribution that the model meets over many
rounds is known: see :mod:`astraea.balance.prior`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from astraea.balance.histograms import as_counts, refuse_empty
from astraea.errors import InputError
from astraea.parts import Part

__all__ = ["Participation", "RareFirst", "Uniform", "draw", "draw_with", "inclusion_probabilities"]

_FLOOR = 0.2


class Participation(Part, kind="participation rule", default="uniform"):
    """Which clients take part in a round. ``reads_histograms`` says whether their labels matter."""

    reads_histograms: ClassVar[bool] = True

    @abstractmethod
    def weights(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how much each client counts, ``(K,)``, above 0 and of any scale, from histograms ``(K, N)``."""

    def least(self) -> float:
        """Return the least chance of any client, relative to uniform."""
        return _FLOOR

    @classmethod
    def renewed_table(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Read the spelling of earlier versions: ``rule``, and settings beside it that uniform does not have."""
        if "rule" not in table:
            return table
        name = table.pop("rule")
        if name == "uniform":
            usual = {key: field.default for key, field in RareFirst.model_fields.items()}
            table = {key: value for key, value in table.items() if usual.get(key, ...) != value}
        return {**table, "name": name}


class Uniform(Participation, name="uniform"):
    """All clients alike, as in the papers."""

    reads_histograms: ClassVar[bool] = False

    def weights(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ones."""
        return np.ones(len(counts))


class RareFirst(Participation, name="rare-first"):
    """Holders of rare classes more often; the papers have no such rule."""

    power: float = Field(
        1.0,
        ge=0,
        le=4,
        description="How strongly rare classes are preferred: a sample counts (mean / class count) ** power; "
        "0 is uniform, 1 evens out classes if each client holds one.",
    )
    floor: float = Field(
        _FLOOR, ge=0, le=1, description="Least chance of any client, relative to uniform; 1 is uniform."
    )

    def least(self) -> float:
        """Return ``floor``."""
        return self.floor

    def weights(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh a client by the mean over its samples of ``(mean / C_y) ** power``, C_y being the class's count.

        With power 1 and clients that hold one class each, every class is drawn equally often.
        """
        classes = counts.sum(axis=0)
        present = classes > 0
        rarity = np.zeros_like(classes)
        rarity[present] = (classes.mean() / classes[present]) ** self.power
        return np.asarray(counts @ rarity / counts.sum(axis=1))


def inclusion_probabilities(
    histograms: ArrayLike,
    clients: int,
    rule: Participation | None = None,
    available: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return each client's probability, shape ``(K,)``, to be among the ``clients`` that :func:`draw` draws.

    They are exact, at most 1, 0 for clients not ``available`` ``(K,)``, and sum to ``clients``, or to the
    number of those available if that is less. With ``w`` the rule's weights of the ``n`` available clients,
    each is ``clients * (floor / n + (1 - floor) * w / sum(w))``; what exceeds 1 is shared among the others.

    Raises :class:`InputError` if ``clients`` is below 1, a client holds no samples, or the rule's weights are not
    numbers above 0, one for each client.
    """
    counts = as_counts(histograms, "histograms", ndim=2)
    refuse_empty(counts)
    if clients < 1:
        raise InputError(f"a round needs at least 1 client, not {clients}")
    rule = rule or Uniform()
    eligible = np.ones(len(counts), dtype=bool) if available is None else np.asarray(available, dtype=bool)
    if eligible.shape != (len(counts),):
        raise InputError(
            f"availability has shape {eligible.shape}: it needs one value for each of {len(counts)} clients"
        )
    probabilities = np.zeros(len(counts))
    if eligible.any():
        weights = _checked(rule, rule.weights(counts), len(counts))[eligible]
        shares = rule.least() / len(weights) + (1 - rule.least()) * weights / weights.sum()
        probabilities[eligible] = _capped(shares, min(clients, len(weights)))
    return probabilities


def _checked(rule: Participation, given: Any, clients: int) -> NDArray[np.float64]:
    """Return a rule's weights ``(K,)``. Raises :class:`InputError` for what are none: they would turn chances round."""
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (clients,):
        raise InputError(
            f"participation rule '{rule.name}': weights() gave shape {weights.shape}, and there are {clients} clients: "
            "return one weight for each"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(wrong):
        raise InputError(
            f"participation rule '{rule.name}': weights() gave {weights[wrong[0]]:g} for client {wrong[0]}: weights "
            "are finite numbers above 0"
        )
    return weights


def draw(
    histograms: ArrayLike,
    clients: int,
    rng: np.random.Generator,
    available: NDArray[np.bool_] | None = None,
    rule: Participation | None = None,
) -> list[int]:
    """Draw up to ``clients`` different clients, in random order: fewer only if fewer are ``available``.

    ``histograms`` has shape ``(K, N)``. Any first part of the list is a fair draw as well, so that a caller
    may invite more clients than it needs and keep the first that answer.

    Raises :class:`InputError` as :func:`inclusion_probabilities` does.
    """
    return draw_with(inclusion_probabilities(histograms, clients, rule, available), rng)


def draw_with(probabilities: NDArray[np.float64], rng: np.random.Generator) -> list[int]:
    """Draw as :func:`draw` does, from probabilities ``(K,)`` that :func:`inclusion_probabilities` gave."""
    drawn = np.flatnonzero(probabilities == 1)
    others = rng.permutation(np.flatnonzero((probabilities > 0) & (probabilities < 1)))
    if len(others):
        # They lie one after the other on a line, each as long as its probability, below 1; a comb with
        # teeth at distance 1, thrown at random, hits each with that probability, and none twice.
        ends = np.cumsum(probabilities[others])
        teeth = rng.random() + np.arange(round(ends[-1]))
        hit = np.searchsorted(ends, teeth, side="right").clip(max=len(others) - 1)
        drawn = np.concatenate((drawn, others[hit]))
    return [int(client) for client in rng.permutation(drawn)]


def _capped(shares: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """Scale ``shares``, which sum to 1, to sum to ``total`` with none above 1."""
    probabilities = np.zeros_like(shares)
    certain = np.zeros(len(shares), dtype=bool)
    while True:
        left = total - certain.sum()
        probabilities[~certain] = left * shares[~certain] / shares[~certain].sum()
        above = ~certain & (probabilities > 1 - 1e-9)
        if not above.any():
            return probabilities
        probabilities[above] = 1.0
        certain |= above
