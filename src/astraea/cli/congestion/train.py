"""``astraea congestion train``: a policy from scratch."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.options import JsonOption
from astraea.cli.shell import ERR, OUT, friendly
from astraea.errors import InputError, unknown_name
from astraea.progress import Bar

if TYPE_CHECKING:
    from astraea.congestion.policy import Policy
    from astraea.congestion.trainer.evolution import EvolutionSettings, Generation
    from astraea.congestion.trainer.mappo import MappoSettings
    from astraea.congestion.trainer.pace import Progress
    from astraea.congestion.trainer.td3 import Td3Settings

__all__ = ["train"]


def train(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            "-r",
            help="law: a law of few numbers, by CMA-ES; residual: a network on top of the shipped law, and network: "
            "one by itself, by an evolution strategy; published: Astraea's networks, by multi-agent TD3; quick: small "
            "networks by TD3, in minutes; deep: the same in the law's families of worlds; mappo: a network on top of "
            "the shipped law, by MAPPO.",
        ),
    ] = "law",
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of all randomness.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training.")] = Path("runs/policy"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Threads; by default one for each processor.")
    ] = None,
    generations: Annotated[
        int | None,
        typer.Option("--generations", "-g", min=1, help="Generations of an evolution; by default the recipe's."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Minutes of a training by gradients; by default the recipe's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a policy from scratch; the best by validation is OUT/policy.safetensors."""
    with friendly(resume=f"astraea congestion train --recipe {recipe} --resume --out {out}"):
        from astraea.congestion.trainer.evolution import EvolutionSettings
        from astraea.congestion.trainer.recipes import RECIPES

        if recipe not in RECIPES:
            raise unknown_name("recipe", recipe, RECIPES)
        evolves = isinstance(RECIPES[recipe](), EvolutionSettings)
        wrong, name = (minutes, "minutes") if evolves else (generations, "generations")
        if wrong is not None:
            raise InputError(f"--{name} is not for the recipe '{recipe}': leave it out")
        length = {
            key: value for key, value in (("generations", generations), ("minutes", minutes)) if value is not None
        }
        threads = jobs or os.cpu_count() or 1
        settings = RECIPES[recipe](seed=seed, **length, **({} if evolves else {"threads": threads}))
        if isinstance(settings, EvolutionSettings):
            policy = _evolve(settings, out, resume, threads)
        else:
            policy = _descend(settings, out, resume)
        file = out / "policy.safetensors"
        if as_json:
            typer.echo(json.dumps({"policy": str(file), **policy.card}))
            return
        for key, value in policy.card.items():
            OUT.print(f"{key}: {value}", highlight=False)
        OUT.print(f"written to {file}", highlight=False)


def _evolve(settings: EvolutionSettings, out: Path, resume: bool, threads: int) -> Policy:
    from astraea.congestion.trainer.search import train_by_evolution

    board = find_spec("tensorboard") is not None
    with _Training("training", ERR, now="compiling") as bar:
        return train_by_evolution(
            settings, out, resume=resume, jobs=threads, tensorboard=board, watch=bar.show_generation
        )


def _descend(settings: MappoSettings | Td3Settings, out: Path, resume: bool) -> Policy:
    from astraea.congestion.trainer.mappo import MappoSettings, train_mappo
    from astraea.congestion.trainer.td3 import train_td3

    board = find_spec("tensorboard") is not None
    with _Training("training", ERR, now="compiling") as bar:
        if isinstance(settings, MappoSettings):
            return train_mappo(settings, out, resume=resume, tensorboard=board, watch=bar.show_progress)
        return train_td3(settings, out, resume=resume, tensorboard=board, watch=bar.show_progress)


class _Training(Bar):
    """How far a training is, and how it stands."""

    validation = ""

    def show_generation(self, found: Generation, settings: EvolutionSettings) -> None:
        """Show that a generation of evolution has been played."""
        if found.validation:
            self.validation = f", validation {found.validation['all']:.3f}"
        now = f"mean fitness {sum(found.values) / len(found.values):.3f}{self.validation}"
        self.show(found.number + 1, settings.generations, now)

    def show_progress(self, found: Progress) -> None:
        """Show how far a training by TD3 is."""
        if found.line:
            figures = (
                f"{key} {value:.3f}"
                for key, value in found.line.items()
                if key in ("jain", "utilisation", "fitness/all") and value is not None
            )
            self.validation = ", ".join(figures)
        now = f"{found.flow_steps:,} decisions {self.validation}"
        self.show(found.done, 1.0, now)
