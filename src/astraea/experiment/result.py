"""What a run gave, also from its folder when it is long over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from astraea.data.inputs import Inputs
from astraea.data.packing import Input
from astraea.errors import AstraeaError, InputError, RunError, unknown_name
from astraea.experiment.folder import RunFolder
from astraea.experiment.given import Given
from astraea.experiment.settings import RunSettings
from astraea.federation.calling import fed, released, unpacked
from astraea.federation.clients import as_input
from astraea.federation.diagnosis import logits_of
from astraea.federation.models import Imported, build_model, load_weights
from astraea.federation.own_models import copied
from astraea.federation.round import Metrics
from astraea.reading import DAMAGE, damaged

__all__ = ["Result", "load", "load_result"]


@dataclass(frozen=True)
class Result:
    """What a run gave: ``summary`` as in ``summary.json``, ``history`` a line a round, the trained ``model``.

    ``personal`` holds by client the weights of layers that stayed with it, where there are such.
    """

    summary: dict[str, Any]
    history: list[Metrics]
    model: nn.Module
    client_accuracies: NDArray[np.float64]
    inputs: Inputs | None = None
    personal: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    client_names: tuple[str, ...] = ()

    def model_of(self, client: str) -> nn.Module:
        """Return a client's own model: a copy of ``model`` with the layers that stayed with it.

        Raises :class:`InputError` for a client that never trained, or where no layers are personal.
        """
        if not self.personal:
            raise InputError("this run has no personal layers (train.personal): all clients have its one model")
        if client not in self.personal:
            raise unknown_name("client with a model of its own", client, self.personal)
        own = copied(self.model)
        own.load_state_dict(dict(self.personal[client]), strict=False)
        return own.eval()

    def prepare(self, rows: Any) -> Any:
        """Return new ``rows`` as the model takes them, such as a data frame of raw values standardised as in training.

        Several inputs come by name. Rows are what the training samples were before they were loaded: a data frame or a
        file of a table, arrays, pictures as files, images of Pillow or arrays. Raises :class:`InputError` for rows
        unlike those, and :class:`RunError` for a folder of an earlier version, which does not say how.
        """
        inputs = self._inputs()
        x = as_input(torch.from_numpy(np.array(inputs.prepare(rows))), inputs.form)
        return unpacked(x, inputs.form.inputs) if inputs.form.inputs else x

    def predict(self, rows: Any, batch_size: int = 500) -> NDArray[np.generic]:
        """Return the model's answer for each of ``rows``, ``(n,)``: the name of a class, or the value of a regression.

        Raises the errors of :meth:`prepare`.
        """
        return self._inputs().answers(self._outputs(rows, batch_size))

    def scores(
        self, rows: Any, prior: Mapping[str, float] | ArrayLike | None = None, batch_size: int = 500
    ) -> NDArray[np.float64]:
        """Return a probability of each class for each of ``rows``, ``(n, N)``, as ``summary["class_names"]`` has them.

        It is the softmax of the model's logits; where samples have any number of labels, the sigmoid for each label. So
        they stand at the class shares of ``summary["score_prior"]``: even ones after a loss that corrects the prior, as
        Astraea's does, and those of training after plain cross-entropy. ``prior``, shares or counts of the classes
        where the model is used, in that order or by name, turns them to these: each is multiplied by its new share,
        divided by its old one, and the sum brought to 1 (Saerens et al., Neural Computation 2002).

        Raises :class:`InputError` for a regression, for a ``prior`` that does not fit, and where nobody knows at which
        shares the scores stand; else the errors of :meth:`prepare`.
        """
        found = self._inputs().scores(self._outputs(rows, batch_size))
        if prior is None:
            return found
        weights = _shares(prior, self.summary["class_names"]) / self._score_prior()
        if not weights.any():
            raise InputError("the prior has no share but of classes that nobody held in training: give others too")
        turned: NDArray[np.float64] = found * weights
        turned /= turned.sum(axis=1, keepdims=True)
        return turned

    def _score_prior(self) -> NDArray[np.float64]:
        known = self.summary.get("score_prior")
        if known is None:
            raise InputError(
                "nobody knows at which class shares these scores stand: a prior is for models of one class a sample "
                "that were trained with cross-entropy or a loss that corrects the prior"
            )
        shares = np.array(known, np.float64)
        return np.where(shares > 0, shares, np.inf)  # what nobody holds was not learnt, and scores 0

    def _outputs(self, rows: Any, batch_size: int) -> NDArray[np.floating]:
        """Return the model's outputs, ``(n, N)``. Raises :class:`InputError` for rows that the model cannot take."""
        inputs = self._inputs()
        x = as_input(torch.from_numpy(np.array(inputs.prepare(rows))), inputs.form)
        device = next(self.model.parameters()).device
        with torch.inference_mode(), fed(self.model, inputs.form.inputs):
            try:
                outputs = [self.model(part.to(device)).float().cpu().numpy() for part in torch.split(x, batch_size)]
            except Exception:
                logits_of(self.model, x.to(device), inputs.form)  # which says in a sentence what does not fit
                raise
        found = np.concatenate(outputs)
        return found[:, None] if found.ndim == 1 else found

    def _inputs(self) -> Inputs:
        if self.inputs is None:
            raise RunError("this run does not say how its samples were prepared: run it anew, or prepare them yourself")
        return self.inputs

    @property
    def per_class_recall(self) -> dict[str, float]:
        """Recall of each class on the test set, by the class's name; NaN where the test set has none of it."""
        recalls = np.array(self.summary["per_class_recall"], float)
        return dict(zip(self.summary["class_names"], recalls.tolist(), strict=True))

    @property
    def clients(self) -> list[dict[str, Any]]:
        """Name and accuracy of each client, in the clients' order; ``pandas.DataFrame(result.clients)`` is a table."""
        names = self.client_names or tuple(str(k) for k in range(len(self.client_accuracies)))
        return [
            {"client": name, "accuracy": float(value)}
            for name, value in zip(names, self.client_accuracies, strict=True)
        ]

    @property
    def worst_clients(self) -> NDArray[np.int64]:
        """The worst tenth of the clients (at least one), the worst first."""
        order = np.argsort(self.client_accuracies, kind="stable")
        return order[: -(-len(order) // 10)]


def _shares(prior: Mapping[str, float] | ArrayLike, names: list[str]) -> NDArray[np.float64]:
    """Return a prior as shares of the classes, ``(N,)``."""
    if isinstance(prior, Mapping):
        for name in {*map(str, prior)} ^ {*names}:
            raise InputError(
                f"the prior {'names no share of' if name in names else 'names'} '{name}': give one a class"
            )
        prior = [prior[name] for name in names]
    shares = np.asarray(prior, np.float64)
    if shares.shape != (len(names),) or not (np.isfinite(shares).all() and shares.min() >= 0 < shares.sum()):
        raise InputError(f"the prior must be {len(names)} shares or counts, one a class: {', '.join(names)}")
    found: NDArray[np.float64] = shares / shares.sum()
    return found


def load(
    run_dir: Path | str, *, model: nn.Module | Callable[..., nn.Module] | None = None, trust: bool = False
) -> nn.Module:
    """Return the trained model of a finished run, in evaluation mode; images go in as floats in [0, 1].

    What goes in is what training had: ``load_result(run_dir).prepare(rows)`` makes it of new rows, standardised with
    the constants of the run, and ``load_result(run_dir).predict(rows)`` names the classes.

    A model of the caller's own is brought as ``model``: the module, which is copied, its class, or a function that
    makes one; its weights are those of the run. With ``trust`` it is imported instead from where it was defined.
    Raises :class:`RunError` if the folder holds no finished run, or one of another model.
    """
    return load_result(run_dir, model=model, trust=trust).model


def load_result(
    run_dir: Path | str, *, model: nn.Module | Callable[..., nn.Module] | None = None, trust: bool = False
) -> Result:
    """Return the result of a finished run from its folder; ``model`` and ``trust`` as for :func:`load`.

    Raises :class:`RunError` as it does.
    """
    folder = RunFolder(Path(run_dir))
    settings = folder.settings(trust=trust)
    try:
        summary = folder.read_json(folder.summary)
        inputs = Inputs.model_validate(folder.read_json(folder.inputs)) if folder.inputs.is_file() else None
        several = () if inputs is None else inputs.form.inputs
        trained = _built(folder, settings, summary, Given(model=model), trust, several)
        base = folder.left_out(trained)
        bring = f"bring that model, as in astraea.load('{folder.path}', model=...)"
        folder.check_model(trained, bring, frozen=bool(base))
        load_weights(trained, folder.model, without=base)
        clients = folder.read_json(folder.clients)
        accuracies, names = np.array(clients["accuracy"], float), tuple(map(str, clients["name"]))
        history, own = folder.read_metrics(), folder.read_personal()
        return Result(summary, history, released(trained.eval()), accuracies, inputs, own, names)
    except DAMAGE as error:
        if isinstance(error, AstraeaError):
            raise
        raise damaged(folder.path, error) from error


def _built(
    folder: RunFolder,
    settings: RunSettings,
    summary: dict[str, Any],
    given: Given,
    trust: bool,
    several: tuple[Input, ...],
) -> nn.Module:
    """Return the run's model as it was before it was trained, but for its weights."""
    start = settings.model.model_copy(update={"weights": None, "skip": ()})
    own = settings.given.model or (start.path if isinstance(start, Imported) else None)
    bring = f"bring the model, as in astraea.load('{folder.path}', model=...)"
    if given.model is None and own is not None:
        path = own.split(",")[0]
        if not trust:
            raise RunError(
                f"the model of the run in {folder.path} is {path}, which is no part of this package and is not "
                f"imported: if you trust it, add --trust (in Python trust=True), or {bring}"
            )
        options = start.options if isinstance(start, Imported) else {}
        start = Imported.given(path, options, start.freeze)
    make = given.factory()
    if make is not None and isinstance(start, Imported) and not isinstance(given.model, nn.Module):
        make = partial(make, **start.options)
    try:
        shape, classes = tuple(summary["sample_shape"]), summary.get("outputs", len(summary["class_names"]))
        return build_model(start, shape, classes, settings.seed, folder.input_dtype, make, several)
    except AstraeaError as error:
        if own is None or given.model is not None:
            raise
        raise RunError(f"the model of the run in {folder.path} cannot be built anew ({error}): {bring}") from error
