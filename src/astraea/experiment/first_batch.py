"""One batch of one client through model and loss before the first round: what cannot work is said at once."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from astraea.data.form import Form
from astraea.data.scales import spread_notes
from astraea.errors import InputError
from astraea.experiment.prepare import Experiment
from astraea.federation.calling import unpacked
from astraea.federation.clients import Population, as_input
from astraea.federation.diagnosis import check_logits, logits_of, warn_of_probabilities, words
from astraea.federation.features import Features
from astraea.federation.optimizers import make_optimizer
from astraea.federation.rule import VisitContext
from astraea.federation.vector import VectorModel

__all__ = ["try_first_batch"]

_BATCH = 8
_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def try_first_batch(experiment: Experiment) -> None:
    """Raise :class:`InputError` with the cause, in one sentence, if this experiment's visits cannot work.

    Samples of one client, and of codes those with the least and the greatest, go through the model, the loss and
    backwards; nothing of it remains, and no random stream is touched.
    """
    model, population = experiment.model, experiment.population
    x, y = _batch(population, model.device)
    before, training = model.read(), model.module.training
    _check_weights(model)
    _tell_of_integers(experiment)
    if experiment.algorithm.rule.views > 1:
        population[0].varied(x, 1.0, torch.Generator())
    try:
        reads = experiment.algorithm.rule.reads_features
        with torch.random.fork_rng(devices=[]), Features(model.module) if reads else nullcontext() as features:
            model.module.train()
            with model.precision(), _no_foreign_draws():
                logits = logits_of(model.module, x, population.form)
            entered = None if features is None else features.of(logits)
            check_logits(logits, experiment.outputs)
            if not bool(torch.isfinite(logits).all()):
                raise InputError("the model gives NaN or infinite logits for the first samples: check it and the data")
            if experiment.outputs > 1:
                warn_of_probabilities(logits, lambda: _of_large_weights(model, x))
            _check_gradients(model, experiment, logits, y, entered)
            _check_step(model, experiment)
            _check_weights_are_read(model, x)
            _check_held_out(model, experiment)
            model.write(*before)
            _check_single_samples(model, experiment)
    finally:
        model.write(*before)
        for part in model.parts:
            if part.is_leaf:
                part.grad = None
        model.module.train(training)


def _tell_of_integers(experiment: Experiment) -> None:
    """Warn of integers of unlike scales that a built-in model takes as numbers; nobody knows how another takes them."""
    settings, samples = experiment.settings, experiment.scenario.train
    if samples.form.kind == "codes" and settings.model.name in ("auto", "mlp") and settings.given.model is None:
        what = f"of the integers, which the model '{settings.model.name}' takes as numbers,"
        mend = "give kind = 'vector', and divide each by its standard deviation"
        for told in spread_notes(samples.x.reshape(len(samples), -1), what, mend):
            warnings.warn(told, stacklevel=2)


def _check_weights(model: VectorModel) -> None:
    """What is no finite number, and what nobody could repeat."""
    for name, value in model.module.state_dict(keep_vars=True).items():
        checked = value.to(torch.float32) if value.element_size() == 1 else value  # float8 knows few operations
        if value.is_floating_point() and not bool(torch.isfinite(checked).all()):
            raise InputError(f"the model's '{name}' holds NaN or infinite values before any training: initialise it")
    for name, part in model.module.named_modules():
        own = next((key for key, value in vars(part).items() if isinstance(value, _GENERATORS)), None)
        if own is not None:
            raise InputError(
                f"the model draws from a generator of its own ('{f'{name}.' if name else ''}{own}'), so that no run "
                "could be repeated: draw from PyTorch's default generator, which every visit seeds"
            )


@contextmanager
def _no_foreign_draws() -> Iterator[None]:
    """Raise :class:`InputError` if NumPy's or Python's random numbers are drawn within; their states stay."""
    numbers, python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002  # not to draw from
    try:
        yield
        after = np.random.get_state(legacy=False)  # noqa: NPY002
        drawn = "NumPy" if str(after) != str(numbers) else "Python" if random.getstate() != python else None
        if drawn is not None:
            raise InputError(
                f"the model draws from {drawn}'s random numbers, so that no run could be repeated: draw from PyTorch's "
                "default generator, which every visit seeds"
            )
    finally:
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(python)


def _batch(population: Population, device: torch.device) -> tuple[Tensor, Tensor]:
    client = int(population.sizes.argmax())
    data = population[client]
    labels = population.y if population.targets is None else population.targets
    x, y = data.x[:_BATCH], (data.y if data.targets is None else data.targets)[:_BATCH]
    if ends := _ends(population.x, population.form):
        x, y = torch.cat([x, population.x[ends]]), torch.cat([y, labels[ends]])
    if len(x) == 1:
        x, y = x.repeat(2, *(1,) * (x.ndim - 1)), y.repeat(2, *(1,) * (y.ndim - 1))
    return as_input(x, population.form).to(device), y.to(device)


def _ends(x: Tensor, form: Form) -> list[int]:
    """Return the samples with the least and the greatest of codes, of several inputs those of each."""
    values = unpacked(x, form.inputs) if form.inputs else {"": x}
    kinds = {one.name: one.kind for one in form.inputs} if form.inputs else {"": form.kind}
    found: list[int] = []
    for name, kind in kinds.items():
        if kind == "codes" and values[name].numel():
            flat = values[name].reshape(len(x), -1).to(torch.int64)
            found += [int(flat.amax(dim=1).argmax()), int(flat.amin(dim=1).argmin())]
    return found


def _of_large_weights(model: VectorModel, x: Tensor) -> Tensor:
    """Return what the model gives with weights a thousand times as large, which stay as they were."""
    params, counters = model.read()
    try:
        moved = params.clone()
        moved[: len(model.weights)] *= 1000
        model.write(moved, counters)
        return model.outputs(x)
    finally:
        model.write(params, counters)


def _check_held_out(model: VectorModel, experiment: Experiment) -> None:
    """Test and validation samples may hold codes that no training sample has: those with the ends go through too."""
    scenario, was = experiment.scenario, model.module.training
    parts = {"test": scenario.test, "validation": scenario.validation}
    model.module.eval()
    try:
        for name, samples in parts.items():
            if samples is None or not len(samples):
                continue
            x = torch.from_numpy(samples.x)
            some = as_input(x[_ends(x, samples.form) or [0]], samples.form).to(model.device)
            try:
                with torch.no_grad():
                    logits_of(model.module, some, samples.form)
            except InputError as error:
                raise InputError(f"in the {name} set, {error}") from error
    finally:
        model.module.train(was)


def _check_gradients(
    model: VectorModel, experiment: Experiment, logits: Tensor, y: Tensor, features: Tensor | None
) -> None:
    params, _ = model.read()
    histograms = experiment.population.histograms
    prior = torch.from_numpy(histograms.sum(axis=0) / histograms.sum()).to(params)
    context = VisitContext(
        start=params[: len(model.weights)],
        shared=experiment.algorithm.rule.shared(params),
        client={},
        log_prior=prior.log(),
        lr=1.0,
        histogram=torch.from_numpy(histograms[0].copy()).to(model.device),
    )
    if not logits.requires_grad:
        raise InputError(
            "the model's outputs carry no gradient, so nothing would be trained: look for detach(), no_grad() or "
            ".data in its forward"
        )
    if not all(part.is_leaf for part in model.parts):  # a scripted module holds its parameters elsewhere
        raise InputError(_NOTHING_ARRIVES)
    for part in model.parts:
        part.grad = None
    try:
        rule = experiment.algorithm.rule
        if features is not None:
            context = replace(context, features=features, prepared=rule.prepare(features.detach(), y, context))
        loss = rule.objective(torch.cat([logits] * rule.views), y, context)
        loss.backward()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise InputError(f"the loss cannot be taken of the model's outputs ({words(error)}): check both") from error
    if not bool(torch.isfinite(loss)):
        raise InputError(f"the loss of the first batch is {float(loss)}: check the data and the model's first outputs")
    names = [name for name, part in model.module.named_parameters() if part.requires_grad]
    without = [name for name, part in zip(names, model.parts, strict=True) if part.grad is None]
    if len(without) == len(names):
        raise InputError(_NOTHING_ARRIVES)
    if without:
        warnings.warn(
            f"{len(without)} of {len(names)} parameters get no gradient and stay as they are, such as '{without[0]}'",
            stacklevel=2,
        )


def _check_step(model: VectorModel, experiment: Experiment) -> None:
    """One step of the clients' optimiser on the gradients that are there, on a copy of the weights."""
    name = experiment.settings.train.optimizer
    for part, grad in ((part, part.grad) for part in model.parts):
        if grad is not None and grad.layout != torch.strided:
            raise InputError(
                f"a parameter of shape {tuple(part.shape)} gets sparse gradients, which cannot be averaged: build its "
                "nn.Embedding with sparse=False"
            )
    flat = [torch.zeros_like(part) if part.grad is None else part.grad for part in model.parts]
    gradient, weights = torch.cat([part.reshape(-1) for part in flat]), model.weights.detach().clone()
    try:
        make_optimizer(experiment.algorithm.training.local(1, 0.0)).step(weights, gradient)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"the optimiser {name} cannot train this model ({words(error)}): clients give it the weights as one vector "
            "and its gradient; choose another train.optimizer, such as SGD or Adam, or other train.options"
        ) from error
    if bool(torch.isfinite(gradient).all()) and not bool(torch.isfinite(weights).all()):
        raise InputError(
            f"the first step of {name} makes weights of {weights.dtype} NaN or infinite: lower train.lr, or give the "
            "optimiser a larger eps (train.options)"
        )


_NOTHING_ARRIVES = (
    "no gradient arrives at the model's parameters, so nothing would be trained: give the plain nn.Module instead of a "
    "scripted or exported one, and look for detach() in its forward"
)


def _check_weights_are_read(model: VectorModel, x: Tensor) -> None:
    """What is written into the parameters must reach the outputs: compiled modules may keep a copy of their own."""
    params, counters = model.read()
    was = model.module.training
    model.module.eval()
    try:
        with torch.no_grad():
            first = model.outputs(x)
            moved = params.clone()
            moved[: len(model.weights)] += 0.1 + params[: len(model.weights)].abs()
            model.write(moved, counters)
            second = model.outputs(x)
    finally:
        model.write(params, counters)
        model.module.train(was)
    if torch.equal(first, second):
        raise InputError(_NOTHING_ARRIVES)


def _check_single_samples(model: VectorModel, experiment: Experiment) -> None:
    """A layer that normalises over the batch fails on one sample: so would each visit of a client that has one."""
    sizes = experiment.population.sizes
    batch = experiment.settings.train.batch_size
    alone = np.flatnonzero(sizes == 1)
    if not model.has_batch_norm or (not len(alone) and batch > 1):
        return
    x = as_input(experiment.population.x[:1], experiment.population.form).to(model.device)
    try:
        with torch.no_grad():
            model.outputs(x)
    except Exception:
        if batch == 1:
            raise InputError(
                "the model's batch normalisation cannot train on batches of one sample: "
                "set train.batch_size to 2 or more"
            ) from None
        names = ", ".join(experiment.scenario.client_names[k] for k in alone[:5])
        more = ", ..." if len(alone) > 5 else ""
        raise InputError(
            f"{len(alone)} of {len(sizes)} clients have one sample to train on ({names}{more}), on which the model's "
            "batch normalisation cannot train: use GroupNorm, or fewer or more even clients"
        ) from None
