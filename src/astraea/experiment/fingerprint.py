"""Fingerprints: how a folder knows its data and its model again, whoever brings them.

Data are known by a hash of everything a run reads of them. A model is known by its class, its printed form, its
tensors, and by what it makes of a small stored batch under weights that depend on nothing else: two models that agree
in all the rest compute the same function.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from astraea.data.dataset import Dataset, Samples
from astraea.data.packing import Input, example
from astraea.data.scenario import Scenario
from astraea.errors import RunError
from astraea.parts import Part
from astraea.parts.functions import code_digest

__all__ = [
    "check_code",
    "check_data",
    "check_model",
    "code_facts",
    "data_facts",
    "dataset_digest",
    "import_path",
    "model_facts",
    "probe",
    "probe_inputs",
    "scenario_digest",
]

_BATCH = 4
_PATTERN = 65_521  # a prime, so that rows of a matrix differ
_TOLERANCE = 1e-3  # other processors and GPUs round otherwise; another function is much further off


def dataset_digest(dataset: Dataset) -> str:
    """Return a hash of all samples, labels and columns of a dataset, and of its classes' names."""
    further = () if dataset.validation is None else (dataset.validation,)
    return _digest(dataset.name, dataset.class_names, dataset.train, dataset.test, *further)


def scenario_digest(scenario: Scenario) -> str:
    """Return a hash of all samples and labels of a scenario, of who holds which, and of the names."""
    lengths = np.array([len(rows) for rows in scenario.clients])
    held = np.concatenate(scenario.clients) if scenario.clients else lengths
    return _digest(
        *(scenario.class_names, scenario.client_names, scenario.train, lengths, held),
        *(scenario.test, scenario.test_clients, scenario.validation),
    )


def data_facts(scenario: Scenario) -> dict[str, Any]:
    """Return what a folder keeps of the data that a run reads."""
    return {
        "dataset": scenario.dataset,
        "scenario": scenario.name,
        "classes": len(scenario.class_names),
        "clients": len(scenario.clients),
        "samples": len(scenario.train),
        "digest": scenario_digest(scenario),
    }


def check_data(scenario: Scenario, facts: Mapping[str, Any], where: str, mend: str) -> None:
    """Raise :class:`RunError` if the run ``where`` was made with other data than those of ``scenario``."""
    found = data_facts(scenario)
    for key in ("classes", "clients", "samples", "digest"):
        if found[key] != facts[key]:
            what = "" if key == "digest" else f" ({facts[key]} {key}, not {found[key]})"
            raise RunError(f"{where} was made with other data of the name '{facts['dataset']}'{what}: {mend}")


def model_facts(module: nn.Module) -> dict[str, Any]:
    """Return what a folder keeps of a model beside :func:`probe`; its weights are not in it, but for frozen ones."""
    parameters = dict(module.named_parameters())
    frozen = [_numpy(parameter.detach().cpu()) for parameter in parameters.values() if not parameter.requires_grad]
    tensors: list[tuple[str, str, Tensor]] = [
        (name, "trained" if one.requires_grad else "frozen", one) for name, one in parameters.items()
    ]
    tensors += [(name, "buffer", one) for name, one in module.named_buffers()]
    return {
        "class": import_path(type(module)),
        "repr": re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module)),
        "tensors": [
            [name, kind, [] if is_lazy(one) else list(one.shape), str(one.dtype).removeprefix("torch.")]
            for name, kind, one in tensors
        ],
        "frozen": _digest(*frozen) if frozen else None,
    }


def code_facts(settings: BaseModel, prefix: str = "") -> dict[str, str]:
    """Return a hash of the code of each part of ``settings`` that is no part of this package, by its dotted key."""
    found: dict[str, str] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for number, one in enumerate(value if isinstance(value, tuple) else (value,)):
            key = f"{prefix}{name}[{number}]" if isinstance(value, tuple) else f"{prefix}{name}"
            if isinstance(one, Part) and not type(one).__module__.startswith("astraea."):
                found[key] = code_digest(type(one))
            if isinstance(one, BaseModel):
                found |= code_facts(one, f"{key}.")
    return found


def check_code(settings: BaseModel, facts: Mapping[str, str], where: str, mend: str) -> None:
    """Raise :class:`RunError` if the code of a part has changed since the run ``where``."""
    for key, now in code_facts(settings).items():
        if facts.get(key, now) != now:
            raise RunError(f"{where} was made with other code of {key}, which has changed since: {mend}")


def probe(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return what the model makes of ``inputs`` in evaluation mode, its weights set to a fixed pattern meanwhile.

    So the outputs tell the function apart from the weights, which may be anything when a model is brought again.
    """
    device = next((parameter.device for parameter in module.parameters()), None)
    with _pattern_in(module), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        outputs: Tensor = module(inputs.to(device))
    return outputs.float().cpu()


def probe_inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, inputs: Sequence[Input] = ()) -> Tensor:
    """Return a batch of samples of ``shape``, drawn evenly from 0 to 1, of codes 0 or 1; rows of several ``inputs``."""
    rng = np.random.default_rng(0)
    if inputs:
        return torch.from_numpy(example(inputs, _BATCH, rng))
    if dtype.is_floating_point:
        return torch.from_numpy(rng.random((_BATCH, *shape), np.float32)).to(dtype)
    return torch.from_numpy(rng.integers(0, 2, (_BATCH, *shape))).to(dtype)


def check_model(
    module: nn.Module,
    facts: Mapping[str, Any],
    batch: Mapping[str, Tensor],
    where: str,
    mend: str,
    *,
    frozen: bool = True,
) -> None:
    """Raise :class:`RunError` if the run ``where`` was made with another model than ``module``.

    ``batch`` holds the probe's ``inputs`` and ``outputs``. ``frozen`` weights are compared where they do not come
    from the folder.
    """
    found = model_facts(module)
    if not _same_class(facts["class"], found["class"]):
        raise RunError(f"{where} was made with a model of class {facts['class']}, not {found['class']}: {mend}")
    for before, now in zip(facts["tensors"], found["tensors"], strict=False):
        if before != now:
            told = " ".join(str(part) for part in before), " ".join(str(part) for part in now)
            raise RunError(f"{where} was made with a model whose tensor is '{told[0]}', not '{told[1]}': {mend}")
    if len(facts["tensors"]) != len(found["tensors"]):
        raise RunError(
            f"{where} was made with a model of {len(facts['tensors'])} tensors, not {len(found['tensors'])}: {mend}"
        )
    for before, now in zip_longest(facts["repr"].splitlines(), found["repr"].splitlines(), fillvalue="nothing more"):
        if before != now:
            raise RunError(f"{where} was made with a model that prints '{before.strip()}', not '{now.strip()}': {mend}")
    if frozen and facts["frozen"] != found["frozen"]:
        raise RunError(f"{where} was made with a model of other frozen weights: {mend}")
    outputs, wanted = probe(module, batch["inputs"]), batch["outputs"]
    scale = float(wanted.abs().nan_to_num().max())
    if outputs.shape != wanted.shape or not torch.allclose(
        outputs, wanted, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True
    ):
        raise RunError(f"{where} was made with a model that computes something else from the same weights: {mend}")


def import_path(thing: Any) -> str:
    """Return where a class or function was defined, as ``module:Name``."""
    return f"{thing.__module__}:{thing.__qualname__}"


def _same_class(before: str, now: str) -> bool:
    """Whether two import paths can be one class: what a script or a notebook defines may since have moved to a file."""
    (module, name), (other, same) = before.split(":"), now.split(":")
    return name == same and (module == other or "__main__" in (module, other))


@contextmanager
def _pattern_in(module: nn.Module) -> Iterator[None]:
    """Fill parameters and floating buffers with fixed values, those of buffers above 0, and put all back at the end."""
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal(_PATTERN, np.float32))
    filled: list[tuple[Tensor, Tensor]] = [(one, _tiled(noise, one) * _spread(one)) for one in module.parameters()]
    filled += [(one, 1 + 0.1 * _tiled(noise, one)) for one in module.buffers() if one.is_floating_point()]
    before = [one.detach().clone() for one, _ in filled]
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            for one, value in filled:
                one.copy_(value)
        yield
    finally:
        with torch.no_grad():
            for (one, _), value in zip(filled, before, strict=True):
                one.copy_(value)
        for part, training in modes:
            part.training = training


def _numpy(values: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = (values.view(torch.int16) if values.dtype == torch.bfloat16 else values).numpy()
    return found


def _spread(weights: Tensor) -> float:
    """Return a spread that keeps what a layer of these weights gives as large as what it takes."""
    return (weights[0].numel() or 1) ** -0.5 if weights.dim() > 1 and len(weights) else 0.5


def _tiled(noise: Tensor, like: Tensor) -> Tensor:
    repeats = -(-like.numel() // len(noise))
    return noise.repeat(max(repeats, 1))[: like.numel()].view(like.shape)


def _digest(*parts: Any) -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        _add(found, part)
    return found.hexdigest()


def _add(found: Any, part: Any) -> None:
    if isinstance(part, Samples):
        for value in (
            str(part.form),
            part.x,
            part.y,
            *(value for pair in sorted(part.columns.items()) for value in pair),
            *(() if part.sets is None else (part.sets,)),
        ):
            _add(found, value)
    elif isinstance(part, np.ndarray) and part.dtype != object:
        found.update(f"{part.dtype.str}{part.shape}".encode())
        found.update(_bytes(part))
    else:
        values = part.tolist() if isinstance(part, np.ndarray) else part
        found.update(f"{type(part).__name__}{values!r}".encode())


def _bytes(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
