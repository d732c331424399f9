"""The networks: an actor that all flows share, and two critics that are evaluated as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from astraea.congestion.policy.network import SLOPE

__all__ = ["Actor", "Normalisation", "TwinCritic"]


class Normalisation(nn.Module):
    """Batch normalisation that shifts but does not scale, with the moments and constants of the published actor."""

    EPSILON = 1e-3
    MOMENTUM = 0.01

    shift: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch in training, else by the running moments."""
        moments = self.mean, self.variance
        y = F.batch_norm(x, *moments, training=self.training, momentum=self.MOMENTUM, eps=self.EPSILON)
        return y + self.shift


class Actor(nn.Module):
    """From observations, shape ``(n, widths[0])``, to actions in [-1, 1], shape ``(n,)``; ``widths`` end in 1."""

    def __init__(self, widths: Sequence[int], normalise: bool, generator: torch.Generator) -> None:
        super().__init__()
        shapes = list(pairwise(widths))
        self.weights = nn.ParameterList(torch.empty(out, into) for into, out in shapes)
        self.biases = nn.ParameterList(torch.empty(out) for _, out in shapes)
        self.norms = nn.ModuleList(Normalisation(width) for width in (widths[1:-1] if normalise else ()))
        _draw(self.weights, self.biases, widths[:-1], generator)

    def forward(self, observations: Tensor) -> Tensor:
        """Act."""
        return torch.tanh(self.drive(observations))

    def drive(self, observations: Tensor) -> Tensor:
        """Return what the hyperbolic tangent makes actions of, shape ``(n,)``."""
        x = observations
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = F.linear(x, weight, bias)
            if k < last:
                x = F.leaky_relu(self.norms[k](x) if self.norms else x, SLOPE)
        return x.squeeze(-1)

    @torch.no_grad()
    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return weight and bias of each layer, float64, with the normalisation by running moments folded in."""
        layers = [(weight.double(), bias.double()) for weight, bias in zip(self.weights, self.biases, strict=True)]
        for k, norm in enumerate(cast(Iterable[Normalisation], self.norms)):
            weight, bias = layers[k]
            scale = torch.rsqrt(norm.variance.double() + norm.EPSILON)
            layers[k] = weight * scale[:, None], (bias - norm.mean) * scale + norm.shift
        return layers


class TwinCritic(nn.Module):
    """Two critics with weights of their own, side by side in one array: values of shape ``(2, n)``.

    What is seen has ``seen`` values; the action joins after the first of the hidden layers ``widths``.
    """

    def __init__(self, seen: int, widths: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        into = [seen, widths[0] + 1, *widths[1:]]
        shapes = list(zip(into, [*widths, 1], strict=True))
        self.weights = nn.ParameterList(torch.empty(2, rows, columns) for rows, columns in shapes)
        self.biases = nn.ParameterList(torch.empty(2, 1, columns) for _, columns in shapes)
        _draw(self.weights, self.biases, into, generator)

    def forward(self, seen: Tensor, actions: Tensor) -> Tensor:
        """Judge ``actions``, shape ``(n,)``, where ``seen``, shape ``(n, seen)``, is the case."""
        x = seen.expand(2, *seen.shape)
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if k < last:
                x = F.leaky_relu(x, SLOPE)
            if k == 0:
                x = torch.cat([x, actions.expand(2, -1).unsqueeze(-1)], dim=-1)
        return x.squeeze(-1)


@torch.no_grad()
def _draw(weights: Iterable[Tensor], biases: Iterable[Tensor], into: Sequence[int], generator: torch.Generator) -> None:
    for weight, bias, fan_in in zip(weights, biases, into, strict=True):
        bound = 1 / math.sqrt(fan_in)
        weight.uniform_(-bound, bound, generator=generator)
        bias.uniform_(-bound, bound, generator=generator)
