"""A round of a strategy: who trains after whom, and what each client is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from astraea.federation.algorithms import Algorithm, View
from astraea.federation.plan import Chain, ChainState, RoundPlan, Visit
from astraea.federation.settings import TrainingSettings
from astraea.federation.training import visit_seed
from astraea.federation.walk import Walk, rounding_seed
from astraea.flower.chain_walks import ChainWalks
from astraea.flower.client_registry import ClientRegistry
from astraea.flower.messages import DATA_CHANGED, KEY, Instructions, remarks
from astraea.flower.options import Options
from astraea.flower.packing import Packing
from astraea.flower.replies import Reading, read_reply
from astraea.flower.run_record import Planned, RunRecord
from astraea.seeding import Purpose, stream

__all__ = ["Keys", "begin_round", "draw_evaluators", "plan_round", "warn_of_standing_rate"]

_log = logging.getLogger("flwr")


class Keys(NamedTuple):
    """How Flower's records are called: a message's arrays and configuration, and the weight among a reply's metrics."""

    arrays: str
    config: str
    weight: str


def plan_round(
    algorithm: Algorithm,
    options: Options,
    registry: ClientRegistry,
    record: RunRecord,
    grid: Grid,
    progress: float,
    until: float | None = None,
) -> Planned:
    """Plan the next round with the clients that are connected, and log it.

    It goes from ``progress`` to ``until`` through the run, shares of it.
    """
    run = record.run
    view = View(registry.histograms, registry.available(grid), progress, options.seed, until=until)
    plan = algorithm.plan(run.state, view, stream(options.seed, Purpose.PARTICIPATION, run.state.round))
    if plan.prior is not None and options.reads_histograms:  # else nobody was asked for its counts, and none is sent
        plan = replace(plan, prior=torch.from_numpy(algorithm.prior(registry.told)).to(torch.float32))
    if not record.follows_rates:  # a defence would else compare changes by rates that nobody used
        plan = replace(plan, training=replace(plan.training, lr=options.train.first_rate, falls_to=None))
    if options.accounting is not None:
        options.accounting.check(len(registry.clients))
    away = np.flatnonzero(~view.available).tolist()
    visits = max(len(chain.visits) for chain in plan.chains)
    _log.info(
        "round %d: %d clients in %d chains, of up to %d visits one after the other%s",
        plan.round + 1,
        len({client for chain in plan.chains for client in chain.clients}),
        len(plan.chains),
        visits,
        f"; away: {', '.join(registry.title(client) for client in away)}" if away else "",
    )
    return Planned(algorithm, plan, progress, away, options.accounting)


def begin_round(
    planned: Planned,
    options: Options,
    registry: ClientRegistry,
    record: RunRecord,
    arrays: ArrayRecord,
    config: ConfigRecord,
    keys: Keys,
    timeout: float,
) -> ChainWalks:
    """Return the chains of a planned round, which begin with ``arrays``; ``config`` goes with every message."""
    plan = planned.plan
    packing = None if plan.handover is None else Packing(record.layout, plan.handover.bits)
    known = options.reads_histograms  # else nobody was asked for its counts
    prior = tuple(plan.prior.tolist()) if known and plan.prior is not None else None

    def write(visit: Visit, chain: Chain, arrays: ArrayRecord) -> Message:
        copying = registry.copying if registry.clients[visit.client].augments else None
        told = Instructions(
            stream=visit_seed(plan, visit),
            progress=planned.progress,
            epochs=options.algorithm.local_epochs,
            train=_at(plan, chain, visit, options.train),
            prior=prior,
            copying=None if copying is None else copying.drawn_from(options.seed, visit.client),
            few_bits=None if packing is None else packing.told(rounding_seed(plan, visit)),
        )
        own = ConfigRecord({**config, KEY: told.model_dump_json()})
        content = RecordDict({keys.arrays: arrays, keys.config: own})
        return Message(content, registry.node(visit.client), "train", group_id=str(chain.id), ttl=timeout)

    def read(client: int, before: ChainState, reply: Message) -> Reading:
        if not reply.has_error() and bool(remarks(reply).get(DATA_CHANGED, False)):
            registry.ask_again(client)
        return read_reply(
            reply,
            record.layout,
            before,
            plan.training.epochs,
            keys.weight,
            lambda told: registry.held(client, told),
            measured=plan.guard is not None,
            signs=plan.seed if plan.guard is not None and plan.guard.defence.sketches else None,
            packing=packing,
        )

    def pack(walk: Walk) -> ArrayRecord:
        if packing is None or walk.sent is None:
            return record.pack(walk.state)
        return packing.model(walk.sent, walk.held.params, walk.held.counters)

    begin = arrays if packing is None else None
    return ChainWalks(plan, begin, pack, write, read, registry.title, lambda _: record.layout.room())


def _at(plan: RoundPlan, chain: Chain, visit: Visit, train: TrainingSettings) -> TrainingSettings:
    """Return the settings of a visit: those of the run, or where the rate falls along chains with the visit's own."""
    if plan.training.falls_to is None:
        return train
    own = plan.training_at(chain.visits.index(visit)).lr
    return train.model_copy(update={"lr": own, "schedule": "constant", "warmup": 0.0})


def draw_evaluators(connected: Sequence[int], wanted: int, needed: int, seed: int, round_: int) -> list[int]:
    """Return ``wanted`` of the ``connected`` nodes, drawn with the seed; none if fewer than ``needed`` are there."""
    if len(connected) < needed:
        _log.warning("no evaluation by clients: %d nodes are connected, it needs %d", len(connected), needed)
        return []
    places = sorted(stream(seed, Purpose.EVALUATORS, round_).permutation(len(connected))[:wanted])
    _log.info("configure_evaluate: Sampled %d nodes (out of %d)", len(places), len(connected))
    return [connected[place] for place in places]


def warn_of_standing_rate(train: TrainingSettings, walks: ChainWalks) -> None:
    """Say, after the first round, that clients' learning rates do not follow their schedule."""
    if walks.plan.round == 0 and walks.counts_steps and train.schedule != "constant":
        _log.warning(
            "train.schedule = '%s' has no effect: only AstraeaStrategy.start() knows how many rounds there will be; "
            "call that, or set train.schedule to 'constant'",
            train.schedule,
        )
