"""What is compared: the same worlds and the same return for a law, a network on top of one, and networks alone."""

from __future__ import annotations

from typing import Any

from astraea.congestion.trainer.evolution import EvolutionSettings, network_settings, residual_settings
from astraea.congestion.trainer.mappo import MappoSettings
from astraea.congestion.trainer.recipes import RECIPES
from astraea.congestion.trainer.td3 import DEEP, Td3Settings

__all__ = ["ABOUT", "ARMS", "FOUND", "settings_of"]

ARMS: dict[str, str] = {
    "law": "eighteen numbers, by CMA-ES",
    "residual": "a network of 8 units that turns four numbers of the shipped law, by an evolution strategy",
    "network": "a network of 8 units by itself, by an evolution strategy",
    "matd3": "a network of 32 units by itself, by multi-agent TD3 (recipe `deep`)",
    "mappo": "a network of 32 units by itself, by MAPPO",
    "mappo on the law": "a network of 8 units that turns four numbers of the shipped law, by MAPPO (recipe `mappo`)",
}

ABOUT = """
Is a network that deep multi-agent reinforcement learning has trained better than eighteen numbers? All arms train in
the law's families of worlds and in noisy ones: few flows and many, unequal and long round-trip times, rivals of CUBIC,
buffers of all sizes. One policy is shared by all flows, each acts on what it observes itself, and the return is
that of all flows of a world together. All are judged in worlds of the evaluation's suites whose seeds no training and
no selection has seen.
"""


_PER_GENERATION = 12_000
"""Decisions of MATD3 and MAPPO for a generation of those that evolve."""

Training = EvolutionSettings | MappoSettings | Td3Settings


def settings_of(arm: str, seed: int, generations: int) -> Training:
    """Return the training of an arm: as many worlds for each that evolves, as many decisions for the others."""
    length: dict[str, Any] = {"seed": seed, "generations": generations, "validate_every": 5, "validation_mixes": 3}
    if arm.startswith("mappo"):
        make = MappoSettings if arm == "mappo" else RECIPES["mappo"]
        return make(seed=seed, flow_steps=generations * _PER_GENERATION, num_steps=4096)
    if arm == "matd3":
        flow_steps = generations * _PER_GENERATION
        changes = {
            "flow_steps": flow_steps,
            "updates": max(flow_steps // DEEP.update_flow_steps // 5, 1),
            "exploration_actions": max(flow_steps // DEEP.worlds_at_once // 3, 1),
        }
        return RECIPES["deep"](seed=seed, **changes)
    if arm == "law":
        return EvolutionSettings(noisy=True, each=1, **length)
    return (residual_settings if arm == "residual" else network_settings)(**length)


FOUND = """
## What it says

- *No network is the best everywhere, so the law stays the default.* On the grid, with or without training, nothing is
  above the shipped law.
- *A network on top of the law is better where jitter hides the own queue.* The law takes jitter for a queue and
  yields to it. At 3 ms the residual uses three quarters of the capacity in place of a fifth, an interval far from 0.
  The idea is that of one unit set by hand (`residual, untrained`), which alone uses more at 3 ms. What training
  added, on validation worlds, was a better compromise between the families: 0.700 against 0.663 untrained and 0.630
  for the law (seed 0), 0.674 against 0.638 and 0.633 (seed 1). The same search from silent units found nothing in as
  many worlds: its three trainings stayed within 0.02 of the law in all noisy worlds.
- *The price is paid by crowds.* In a queue of many flows the delay swings, which looks like jitter. What ships today is
  a later search (below). Among 50 flows of 8 packets a round trip each it has a Jain's index of 0.960 in place of the
  law's 0.984, and half as much queue again (of 33 packets each 0.991 and 0.993); between round-trip times that differ
  up to tenfold the ratios of goodputs are alike, 0.93 to 0.98. Of two flows one of which is noisy, the noisy one gets
  0.54 to 0.60 of the other's in place of 0.15, three satellite flows share at 0.74 in place of 0.65, and jitter of 3 ms
  leaves 48 % of the capacity in place of 18, of 10 ms 19 in place of 3 (`astraea congestion evaluate many satellite
  rtt noise --arms policy,deep=deep --seeds 2`).
- *Its hand-made modes carry it as they carry the law*: without the mode against rivals, or without common drains, it
  keeps less than a fifth of a share beside CUBIC, as the law does.
- *MATD3 learns most from its samples.* It begins with nothing and shares at 0.89 after 60,000 decisions, where an
  evolution strategy on a network by itself has found nothing at all. It is far from the law, which has a theory built
  in. At equal samples instead of equal time it would have some fifty times as many decisions: a whole world tells
  evolution one number, and the critics one a decision.
- *Why theory expects it.* The law is already a fixed point at which shares are equal, with a gain that FAST's
  analysis gives. Eighteen numbers around it leave little to find where its observations suffice. A network can gain
  where they do not, as with jitter, and has to find that gain among hundreds of weights.

The table was played under an earlier window: its flows drained together by the clock, and a number of the law could
keep it from believing in rivals (`no rivals`), which it decides by itself today. Noise did not raise the law's target
yet, neither here nor in what is said above: now it uses 88 % at 3 ms ([results](congestion.md)). A network on top
answers noise in place of that, so `deep` plays as it did. This is a short comparison: half a minute of a processor a
training. `law` here begins where every search for a law does, not at the shipped one, and has had a fourteenth of its
worlds. The recipes are 150 generations (`residual`, `network`) and four million decisions (`deep`).

*`--policy deep` has been trained anew under today's window*, nine generations of `astraea congestion train --recipe
residual --seed 0 --generations 9`, 45 minutes on a busy machine, and not finished. On three validation mixes of
seed 0 it has 0.737, the residual of the table 0.719, the untrained one 0.650 and the law 0.641; on three of seed 11,
where nothing was chosen, 0.653, 0.650, and the law 0.604. The residual of the table had been trained under the old
drains. It uses more where jitter is large (61 % at 3 ms) and shares worse in crowds (0.915).
[MAPPO](../explanation/mappo.md) came later: the command trains it too, but no training of it, nor of MATD3, has ended
under this window.
"""
"""What the figures say."""
