"""What a run comes to: the numbers of ``summary.json``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from astraea.balance.divergence import kl_to_uniform
from astraea.data.scenario import Scenario
from astraea.experiment.prepare import Experiment
from astraea.experiment.settings import RunSettings, resolved
from astraea.federation.evaluation import client_accuracies, tail_recall, worst_decile
from astraea.federation.loop import Kept, Run
from astraea.federation.round import Metrics
from astraea.files import plain
from astraea.network.doubts import doubts_of

__all__ = ["deployed", "personal_parts", "scenario_facts", "summarise"]

_NAMES = 5
_LEARNED = 1.5  # balanced accuracy, as a multiple of guessing, from which on a model has learned something


def scenario_facts(scenario: Scenario, trained: NDArray[np.int64]) -> dict[str, Any]:
    """Return who holds what, enough to draw it without the data; all counts are by class, in the classes' order.

    ``trained`` ``(K, N)`` counts what each client trains on in an epoch, after rebalancing.
    """
    return {
        "dataset": scenario.dataset,
        "scenario": scenario.name,
        "class_names": list(scenario.class_names),
        "client_names": list(scenario.client_names),
        "held": scenario.histograms.tolist(),
        "trained": trained.tolist(),
        "test": scenario.test.counts(len(scenario.class_names)).tolist(),
    }


def deployed(experiment: Experiment, run: Run) -> tuple[Tensor, Tensor, Kept]:
    """Return the ``(params, counters)`` that a run ends with, and what clients keep of theirs.

    With early stopping they are the best by validation.
    """
    if experiment.settings.evaluation.early_stopping is not None and run.best is not None:
        return run.best.params, run.best.counters, run.best.kept
    return *experiment.algorithm.deploy(run.state), run.state.clients


def personal_parts(
    experiment: Experiment, params: Tensor, counters: Tensor, kept: Kept
) -> dict[str, dict[str, Tensor]]:
    """Return by client, for those that have some, the layers that it keeps, by the names of their weights."""
    personal, model, found = experiment.algorithm.personal, experiment.model, dict[str, dict[str, Tensor]]()
    if personal is None:
        return found
    for client, name in enumerate(experiment.scenario.client_names):
        if client in kept:
            model.write(*personal.with_part(params, counters, kept[client]))
            state = model.state_dict()
            found[name] = {key: state[key] for key in personal.names}
    return found


def summarise(experiment: Experiment, run: Run, wall_seconds: float) -> tuple[dict[str, Any], list[float | None]]:
    """Return the summary of a finished run and the accuracy of each client.

    Accuracies over the course of the run come from its history; recalls and client accuracies are those of the
    deployed model.
    """
    scenario, settings = experiment.scenario, experiment.settings
    measured = [line for line in run.history if "accuracy" in line]
    last_tenth = measured[-math.ceil(len(measured) / 10) :]
    on_test = experiment.predict(*deployed(experiment, run))
    by_client = client_accuracies(on_test, scenario.histograms, scenario.test_clients)
    original = len(scenario.train)
    skipped = _skipped(run.history, scenario.client_names)
    summary: dict[str, Any] = {
        "algorithm": settings.algorithm.name,
        "dataset": scenario.dataset,
        "scenario": scenario.name,
        "seed": settings.seed,
        "rounds": run.state.round,
        "clients": len(experiment.population),
        "accuracy_final": float(np.mean([line["accuracy"] for line in last_tenth])),
        "accuracy_best": max(line["accuracy"] for line in measured),
        "accuracy_deployed": on_test.accuracy,
        "deployed_round": run.best.round
        if settings.evaluation.early_stopping is not None and run.best is not None
        else run.state.round,
        "balanced_accuracy_final": float(np.mean([line["balanced_accuracy"] for line in last_tenth])),
        "balanced_accuracy": on_test.balanced_accuracy,
        "tail_recall": tail_recall(on_test, scenario.global_counts),
        "per_class_recall": on_test.per_class_recall.tolist(),
        "worst_decile_client_accuracy": worst_decile(by_client),
        "validation_balanced_accuracy_best": None if run.best is None else run.best.score,
        "validation_balanced_accuracy_final": float(
            np.mean([line["validation_balanced_accuracy"] for line in last_tenth])
        )
        if scenario.validation is not None
        else None,
        **run.totals,
        "defence": _defended(experiment, run),
        "privacy": _told(experiment),
        "client_kl_mean": float(kl_to_uniform(experiment.population.histograms).mean()),
        "mediator_kl_mean": float(np.mean([line["mediator_kl"] for line in run.history])),
        "effective_prior": experiment.algorithm.prior(experiment.population.histograms).tolist(),
        "score_prior": _score_prior(experiment),
        "storage_overhead": experiment.population.stored / original - 1.0,
        "wall_seconds": wall_seconds,
        "simulated_seconds": None if experiment.simulation is None else run.totals.get("simulated_seconds", 0.0),
        "simulated_split": _split(experiment, run),
        "network": settings.network.name,
        "congestion": None if experiment.simulation is None else settings.network.congestion,
        "class_names": list(scenario.class_names),
        "class_counts": scenario.global_counts.tolist(),
        "outputs": experiment.outputs,
        "regression": None if scenario.regression is None else asdict(scenario.regression) | on_test.regression,
        "sample_shape": list(scenario.train.x.shape[1:]),
        "metrics": experiment.measured(on_test),
        "skipped": skipped,
        "notes": [
            *scenario.notes,
            *_prolonged(settings),
            *_personal(experiment),
            *_fidelity(run),
            *_network_notes(experiment, run),
            *map(_lost, skipped),
            *_standing(run),
            *_one_answer(on_test.per_class_recall, measured),
            *_no_better(scenario, on_test.accuracy),
        ],
    }
    return plain(summary), plain(by_client)  # what cannot be measured, as a class without test samples, is null


def _score_prior(experiment: Experiment) -> list[float] | None:
    """Return the class shares at which the model's softmax is a probability; ``None`` where it is none."""
    if experiment.scenario.regression is not None or experiment.scenario.train.sets is not None:
        return None
    prior = experiment.algorithm.prior(experiment.population.histograms)
    found = resolved(experiment.settings).train.loss.score_prior(prior)
    return None if found is None else found.tolist()


def _defended(experiment: Experiment, run: Run) -> dict[str, Any]:
    """Return what became of the work of clients by name: visits clipped and skipped, and whose they were."""
    names = experiment.scenario.client_names

    def visits(what: str) -> dict[str, int]:
        found = Counter(names[one["client"]] for line in run.history for one in line.get(what, ()))
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    told: dict[str, Any] = {
        "name": experiment.settings.server.defence.name,
        "clipped": visits("clipped"),
        "skipped": visits("skipped"),
    }
    bound = resolved(experiment.settings).balance.bound
    said = experiment.said.sum(axis=1, dtype=np.float64)
    told["counts_bounded"] = [names[client] for client in np.flatnonzero(said > bound * np.median(said))]
    if experiment.adversary is not None:
        told |= experiment.adversary.facts(names)
        target = [line["attack_success"] for line in run.history if "attack_success" in line]
        told["attack_success"] = target[-1] if target else None
    return told


def _told(experiment: Experiment) -> dict[str, Any]:
    """Return how histograms were told, and the ε-differential privacy given away: a client tells its own once a run."""
    epsilon = float("inf") if experiment.told is None else experiment.told.epsilon
    return {
        "histograms": experiment.settings.privacy.histograms.name,
        "epsilon": None if math.isinf(epsilon) else epsilon,
        "tellings": 1,
    }


def _skipped(history: Sequence[Metrics], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return why visits gave nothing: for each reason the visits, and the clients by name, the most frequent first."""
    visits: dict[str, Counter[int]] = {}
    for line in history:
        for one in line.get("skipped", []):
            visits.setdefault(one["reason"], Counter())[one["client"]] += 1
    found = [
        {
            "reason": reason,
            "visits": by_client.total(),
            "clients": len(by_client),
            "names": [names[client] for client in sorted(by_client)],
        }
        for reason, by_client in visits.items()
    ]
    return sorted(found, key=lambda one: -one["visits"])


def _lost(skipped: Mapping[str, Any]) -> str:
    names, visits = skipped["names"], skipped["visits"]
    shown = ", ".join(names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
    gave = "visit gave" if visits == 1 else "visits gave"
    clients = "client" if len(names) == 1 else f"{len(names)} clients"
    return f"{visits:,} {gave} nothing, of {clients} {shown}: {skipped['reason']}."


def _standing(run: Run) -> list[str]:
    """Say how many rounds left the model as it was, since too few were in time."""
    standing = [line["round"] for line in run.history if "kept" in line]
    if not standing:
        return []
    mend = "raise the limit on time (deadline_s of the network's file, or engine.visit_deadline), or leave it out."
    if len(standing) == len(run.history):
        return [f"No round ended in time, so the model is the one that the run began with: {mend}"]
    which = f"round {standing[0]}" if len(standing) == 1 else f"{len(standing)} of {len(run.history)} rounds"
    return [f"In {which} too few were in time, so the model stayed as it was: if that was not meant, {mend}"]


def _prolonged(settings: RunSettings) -> list[str]:
    if not settings.prolonged:
        return []
    unit = "rounds" if settings.samples is None else "samples"
    lengths = ", then ".join(f"{length:,}" for length in settings.prolonged)
    return [
        f"The run was prolonged: it was first one of {lengths} {unit}, and up to there its rates are of such a run."
    ]


def _personal(experiment: Experiment) -> list[str]:
    personal = experiment.algorithm.personal
    if personal is None:
        return []
    told = (
        f"{len(personal.names)} parameters and buffers stay with each client (train.personal): rates are those of the "
        "clients' own models, model.safetensors has these as the run began, and personal.safetensors each client's."
    )
    return [told]


def _fidelity(run: Run) -> list[str]:
    """Return in a line what ``network.fidelity = "auto"`` came to, and why."""
    chosen: dict[str, list[str]] = {}
    for line in run.history:
        if "round_fidelity" in line:
            chosen.setdefault(line["round_fidelity"], []).append(line["round_fidelity_why"])
    told = ", ".join(f"{name} in {len(why)} rounds ({why[0]})" for name, why in chosen.items())
    return [f"network.fidelity = auto came to {told}."] if told else []


def _one_answer(per_class_recall: NDArray[np.float64], measured: Sequence[Metrics]) -> list[str]:
    """Say so if the model has one answer for all: it fell back to that, or has not learned anything yet."""
    known = per_class_recall[~np.isnan(per_class_recall)]
    if len(known) < 2 or (known > 0).sum() > 1:
        return []
    if max(line["balanced_accuracy"] for line in measured) > _LEARNED / len(known):
        mend = "training collapsed. Try a smaller train.lr, or train.clip_norm."
    else:
        mend = "it has learned nothing. Try a smaller train.lr, more rounds, or look at the inputs."
    return [f"The model answers with one class for all: {mend}"]


def _no_better(scenario: Scenario, accuracy: float) -> list[str]:
    """Say so if one answer for all would be right as often as the model is."""
    if scenario.regression is not None or scenario.test.sets is not None:
        return []
    counts = scenario.test.counts(len(scenario.class_names))
    share = counts.max() / max(1, counts.sum())
    if (counts > 0).sum() < 2 or accuracy > share:
        return []
    usual = scenario.class_names[int(counts.argmax())]
    told = (
        f"Always answering '{usual}' would be right in {100 * share:.1f} % of the test samples, and the model is in "
        f"{100 * accuracy:.1f} %: judge by the balanced accuracy."
    )
    return [told]


def _network_notes(experiment: Experiment, run: Run) -> list[str]:
    """Return what looks wrong in the network, and what a deadline would save."""
    if experiment.simulation is None:
        return []
    network = experiment.simulation.network
    notes = [f"{network.called}: {doubt}." for doubt in doubts_of(network)]
    away, waiting = (
        sum(line.get(f"round_{part}_seconds", 0.0) for line in run.history) for part in ("away", "waiting")
    )
    if away > 0.5 * waiting and away > 0.1 * run.totals["simulated_seconds"]:
        notes.append(
            f"{away:,.1f} of {waiting:,.1f} s of waiting were for clients that could not be reached: with a deadline_s "
            "in the network's file a round goes on without them."
        )
    return notes


def _split(experiment: Experiment, run: Run) -> dict[str, float] | None:
    if experiment.simulation is None:
        return None
    parts = ("compute", "transfer", "waiting")
    return {part: sum(line[f"round_{part}_seconds"] for line in run.history) for part in parts}
