"""The actor as a policy: batch normalisation folded into the layers, weights in one flat array."""

from __future__ import annotations

import numpy as np
import torch

from astraea.congestion.policy.policy import Policy, PolicyHeader
from astraea.congestion.trainer.td3.networks import Actor
from astraea.congestion.trainer.td3.settings import Td3Settings

__all__ = ["exported", "header_of"]


def header_of(settings: Td3Settings) -> PolicyHeader:
    """Return what policies trained under ``settings`` belong to."""
    return PolicyHeader(
        kind="network",
        controller=settings.worlds.controller,
        observation=settings.observation,
        control=settings.worlds.policy,
        widths=(settings.observation.size, *settings.actor_widths, 1),
    )


def exported(actor: Actor, settings: Td3Settings) -> Policy:
    """Return what ``actor`` does by its running moments as a policy that needs no PyTorch."""
    flat = torch.cat([part.flatten() for layer in actor.folded() for part in layer])
    return Policy(header_of(settings), flat.numpy().astype(np.float32))
