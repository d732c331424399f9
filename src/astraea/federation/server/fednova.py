"""FedNova: changes normalised by the steps behind them (Wang et al., NeurIPS 2020)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from astraea.federation.plan import ChainResult, LocalTraining, RoundPlan
from astraea.federation.server.aggregation import Aggregator, Sum
from astraea.federation.steps import effective_steps

__all__ = ["FedNova", "chain_steps"]


@dataclass(slots=True)
class _Sum(Sum):
    work: float = 0.0
    """Samples times steps, of all chains."""


class FedNova(Aggregator, name="fednova"):
    """Each chain's change is divided by its number of steps, and the mean lengthened accordingly.

    With a_m steps, n_m samples and ``p_m = n_m / n``, FedNova's next model is
    ``w - (sum_m p_m a_m) * sum_m p_m (w - w_m) / a_m`` (Wang et al., NeurIPS 2020, section 4): clients that take
    many steps no longer pull the model towards their own optimum.
    """

    def zero(self, plan: RoundPlan) -> Sum:
        """Return an empty sum for the results of ``plan``."""
        plain = super().zero(plan)
        return _Sum(**{field.name: getattr(plain, field.name) for field in fields(Sum)})

    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Add one chain's result, weighted by its samples over its steps."""
        if not result.trained:
            return total
        assert isinstance(total, _Sum)
        examples, steps = float(result.end.examples), chain_steps(result, total.plan.training)
        total.work += examples * steps
        return self.include(total, result, examples / steps)

    def stretch(self, total: Sum) -> float:
        """Return ``sum(p a) * sum(p / a)``: 1 where every chain has the same steps."""
        assert isinstance(total, _Sum)
        return total.work * total.weight / total.examples**2


def chain_steps(result: ChainResult, training: LocalTraining) -> float:
    """Return ``||a||_1`` of a chain: how far its visits would have carried equal gradients.

    Momentum, which begins anew at each visit, is counted for SGD; the steps of other optimisers count 1 each, on
    which the paper says nothing.
    """
    momentum = float(training.options.get("momentum", 0.0)) if training.optimizer == "SGD" else 0.0
    return sum(effective_steps(report.steps, momentum) for report in result.reports if report.skipped is None)
