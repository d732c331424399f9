"""How good a model is: over all samples, over each class, and over each client."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astraea.data.dataset import Samples
from astraea.data.label_sets import with_none
from astraea.data.regression import Regression
from astraea.errors import InputError
from astraea.federation.clients import as_input
from astraea.federation.metrics import Predicted

__all__ = ["Answers", "Evaluation", "client_accuracies", "evaluate", "rarest_classes", "tail_recall", "worst_decile"]


@dataclass(frozen=True)
class Answers:
    """Of which samples ``rows`` ``(m,)`` predictions are, and by the models of which ``clients`` ``(m,)``."""

    rows: NDArray[np.int64]
    clients: NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """Predictions on a set of samples and what follows from them; every rate is in [0, 1].

    ``predictions`` and ``labels`` have shape ``(n,)``, of several labels a sample ``(n, N)`` of truth values; ``loss``
    is the mean cross-entropy. In a regression they are bins, ``loss`` is the mean squared error as it is trained on,
    ``errors`` ``(n,)`` are predicted minus true values and ``variance`` is that of the true ones. ``scores`` ``(n,
    N)``, if they were kept, are probabilities; in a regression, ``(n,)``, the predicted values. ``answers`` says whose
    predictions they are, where clients have models of their own; a sample then occurs as often as it was answered.
    """

    predictions: NDArray[Any]
    labels: NDArray[Any]
    classes: int
    loss: float
    errors: NDArray[np.float64] | None = None
    variance: float = 1.0
    scores: NDArray[np.floating] | None = None
    answers: Answers | None = None

    @property
    def predicted(self) -> Predicted:
        """What metrics are computed from; in a regression true and predicted values."""
        if self.scores is None:
            raise InputError("probabilities were not kept: evaluate with keep_scores")
        if self.labels.ndim == 2:  # of samples without a label the model says nothing by itself
            told = self.scores.shape[1]
            return Predicted(self.labels[:, :told], self.predictions[:, :told], self.scores, told)
        if self.errors is None:
            return Predicted(self.labels, self.predictions, self.scores, self.classes)
        return Predicted(self.scores - self.errors, self.scores, self.scores, 1)

    @property
    def accuracy(self) -> float:
        """Share of samples predicted rightly (top-1); with several labels a sample, in all of them."""
        return float(np.mean(self.right))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which samples are predicted rightly, shape ``(n,)``."""
        same: NDArray[np.bool_] = self.predictions == self.labels
        whole: NDArray[np.bool_] = np.logical_and.reduce(same.reshape(len(same), -1), axis=1)
        return whole

    @property
    def per_class_recall(self) -> NDArray[np.float64]:
        """Share of each class's samples predicted rightly, shape ``(N,)``; NaN for a class without samples."""
        if self.labels.ndim == 2:
            return _shares((self.predictions & self.labels).sum(axis=0), self.labels.sum(axis=0))
        total = np.bincount(self.labels, minlength=self.classes)
        right = np.bincount(self.labels[self.predictions == self.labels], minlength=self.classes)
        return _shares(right, total)

    @property
    def regression(self) -> dict[str, float]:
        """``r2``, ``mae`` and ``rmse`` of a regression, in the unit of its values; empty for classes."""
        if self.errors is None:
            return {}
        squared = float(np.mean(self.errors**2))
        r2 = 1 - squared / self.variance if self.variance else math.nan
        return {"r2": r2, "mae": float(np.mean(np.abs(self.errors))), "rmse": math.sqrt(squared)}

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have samples.

        With several labels a sample, the mean of recall and specificity over those that some samples have and some not.
        """
        if self.labels.ndim == 2:
            right = _shares((~self.predictions & ~self.labels).sum(axis=0), (~self.labels).sum(axis=0))
            return float(np.nanmean((self.per_class_recall + right) / 2))
        return float(np.nanmean(self.per_class_recall))


def evaluate(
    model: nn.Module,
    samples: Samples,
    classes: int,
    batch_size: int = 500,
    regression: Regression | None = None,
    *,
    keep_scores: bool = False,
) -> Evaluation:
    """Run ``model``, which should be in evaluation mode, over ``samples``, whose targets ``regression`` scales."""
    if regression is not None and samples.targets is not None:
        return _regressed(model, samples, samples.targets, classes, batch_size, regression)
    if samples.sets is not None:
        return _of_sets(model, samples, samples.sets, classes, batch_size, keep_scores=keep_scores)
    device = next(model.parameters()).device
    predictions, scores, loss = [], list[NDArray[np.floating]](), 0.0
    with torch.inference_mode():
        for start in range(0, len(samples), batch_size):
            x = torch.tensor(samples.x[start : start + batch_size])
            y = torch.tensor(samples.y[start : start + batch_size])
            logits: Tensor = model(as_input(x, samples.form).to(device)).float().cpu()
            predictions.append(logits.argmax(dim=1).numpy())
            loss += float(nn.functional.cross_entropy(logits, y, reduction="sum"))
            if keep_scores:
                scores.append(logits.float().softmax(dim=1).numpy())
    kept = np.concatenate(scores) if scores else None
    return Evaluation(np.concatenate(predictions), samples.y, classes, loss / len(samples), scores=kept)


def _of_sets(
    model: nn.Module,
    samples: Samples,
    sets: NDArray[np.bool_],
    classes: int,
    batch_size: int,
    *,
    keep_scores: bool,
) -> Evaluation:
    device, outputs = next(model.parameters()).device, []
    with torch.inference_mode():
        for start in range(0, len(samples), batch_size):
            x = torch.tensor(samples.x[start : start + batch_size])
            outputs.append(model(as_input(x, samples.form).to(device)).float().cpu())
    logits = torch.cat(outputs)
    targets = torch.from_numpy(sets[:, : logits.shape[1]].astype(np.float32))
    loss = float(nn.functional.binary_cross_entropy_with_logits(logits, targets))
    found = with_none((logits > 0).numpy(), classes)
    return Evaluation(found, sets, classes, loss, scores=logits.sigmoid().numpy() if keep_scores else None)


def _shares(part: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.divide(part, total, out=np.full(len(total), np.nan), where=total > 0)
    return found


def _regressed(
    model: nn.Module,
    samples: Samples,
    targets: NDArray[np.float64],
    classes: int,
    batch_size: int,
    regression: Regression,
) -> Evaluation:
    device = next(model.parameters()).device
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(samples), batch_size):
            x = torch.tensor(samples.x[start : start + batch_size])
            outputs.append(model(as_input(x, samples.form).to(device)).float().cpu().numpy()[:, 0])
    found = np.concatenate(outputs)
    loss = float(np.mean((found - regression.scaled(targets)) ** 2))
    values = regression.unscaled(found)
    bins, variance = regression.bins(values), float(np.var(targets))
    return Evaluation(bins, samples.y, classes, loss, values - targets, variance, values)


def rarest_classes(global_counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rarest quarter of the classes (at least one), by the training samples of all clients."""
    return np.argsort(global_counts, kind="stable")[: math.ceil(len(global_counts) / 4)]


def tail_recall(evaluation: Evaluation, global_counts: NDArray[np.int64]) -> float:
    """Return the mean recall of the rarest quarter of classes; NaN if none of them is in the test set.

    A class of which there is neither a training nor a test sample does not count as one.
    """
    recall = evaluation.per_class_recall
    there = (global_counts > 0) | ~np.isnan(recall)
    recall = recall[there][rarest_classes(global_counts[there])]
    return float(np.mean(recall[~np.isnan(recall)])) if not np.isnan(recall).all() else math.nan


def client_accuracies(
    evaluation: Evaluation, histograms: NDArray[np.int64], test_clients: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return the accuracy that each client would see, shape ``(K,)``.

    Where the test samples belong to clients (``test_clients``, -1 for none), it is measured on a client's own;
    a client without any, or data without owners, gets the recall of each class weighted by how often the class
    occurs among its training samples (``histograms``, ``(K, N)``): the accuracy to expect on test samples
    distributed like its own. Where clients have models of their own, so they are measured.
    """
    if evaluation.answers is not None:
        own = (
            np.full(len(histograms), False)
            if test_clients is None
            else np.bincount(test_clients[test_clients >= 0], minlength=len(histograms)) > 0
        )
        return np.array(
            [_own_accuracy(evaluation, client, held, own=bool(own[client])) for client, held in enumerate(histograms)]
        )
    recall = evaluation.per_class_recall
    weights = np.where(np.isnan(recall), 0.0, histograms)
    total = weights.sum(axis=1)
    expected: NDArray[np.float64] = np.divide(
        weights @ np.nan_to_num(recall), total, out=np.full(len(total), np.nan), where=total > 0
    )
    if test_clients is None:
        return expected
    owned = test_clients >= 0
    count = np.bincount(test_clients[owned], minlength=len(histograms))
    right = np.bincount(test_clients[owned & evaluation.right], minlength=len(histograms))
    return np.where(count > 0, right / np.maximum(count, 1), expected)


def _own_accuracy(evaluation: Evaluation, client: int, held: NDArray[np.int64], *, own: bool) -> float:
    """Return the accuracy of the client's own model: on samples of its ``own``, or to expect for what it ``held``."""
    assert evaluation.answers is not None
    here = evaluation.answers.clients == client
    if not here.any():
        return math.nan
    found = replace(evaluation, predictions=evaluation.predictions[here], labels=evaluation.labels[here], answers=None)
    return found.accuracy if own else float(client_accuracies(found, held[None])[0])


def worst_decile(accuracies: NDArray[np.float64]) -> float:
    """Return the mean accuracy of the worst tenth of clients (at least one)."""
    known = np.sort(accuracies[~np.isnan(accuracies)])
    return float(known[: math.ceil(len(known) / 10)].mean()) if len(known) else math.nan
