"""FedNova: changes normalised by the steps behind them (Wang et al., NeurIPS 2020)."""

from __future__ import annotations

from astraea.federation.plan import ChainResult, LocalTraining
from astraea.federation.steps import effective_steps

__all__ = ["chain_steps"]


def chain_steps(result: ChainResult, training: LocalTraining) -> float:
    """Return ``||a||_1`` of a chain: how far its visits would have carried equal gradients.

    With these, a_m, the samples n_m and ``p_m = n_m / n``, FedNova's next model is
    ``w - (sum_m p_m a_m) * sum_m p_m (w - w_m) / a_m`` (Wang et al., NeurIPS 2020, section 4): clients that take
    many steps no longer pull the model towards their own optimum. Momentum, which begins anew at each visit, is
    counted for SGD; the steps of other optimisers count 1 each, on which the paper says nothing.
    """
    momentum = float(training.options.get("momentum", 0.0)) if training.optimizer == "SGD" else 0.0
    return sum(effective_steps(report.steps, momentum) for report in result.reports if report.skipped is None)
