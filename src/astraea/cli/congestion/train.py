"""``astraea congestion train``: a policy from scratch."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from astraea.cli.options import JsonOption
from astraea.cli.shell import ERR, OUT, friendly
from astraea.errors import InputError, unknown_name
from astraea.progress import Bar

if TYPE_CHECKING:
    from astraea.congestion.policy import Policy
    from astraea.congestion.trainer.evolution import EvolutionSettings, Generation
    from astraea.congestion.trainer.td3 import Progress

__all__ = ["train"]

_RECIPES = ("law", "published", "quick")


def train(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            "-r",
            help="law: a law of few numbers, by evolution; published: Astraea's networks, by multi-agent TD3; "
            "quick: small networks by TD3, in minutes.",
        ),
    ] = "law",
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of all randomness.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training.")] = Path("runs/policy"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Threads; by default one for each processor.")
    ] = None,
    generations: Annotated[
        int | None, typer.Option("--generations", "-g", min=1, help="Generations of 'law'; by default the recipe's.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Minutes of 'published' and 'quick'; by default the recipe's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a policy from scratch; the best by validation is OUT/policy.safetensors."""
    with friendly(resume=f"astraea congestion train --recipe {recipe} --resume --out {out}"):
        if recipe not in _RECIPES:
            raise unknown_name("recipe", recipe, _RECIPES)
        wrong, name = (minutes, "minutes") if recipe == "law" else (generations, "generations")
        if wrong is not None:
            raise InputError(f"--{name} is not for the recipe '{recipe}': leave it out")
        threads = jobs or os.cpu_count() or 1
        if recipe == "law":
            policy = _law(seed, out, resume, threads, generations)
        else:
            policy = _td3(recipe, seed, out, resume, threads, minutes)
        file = out / "policy.safetensors"
        if as_json:
            typer.echo(json.dumps({"policy": str(file), **policy.card}))
            return
        for key, value in policy.card.items():
            OUT.print(f"{key}: {value}", highlight=False)
        OUT.print(f"written to {file}", highlight=False)


def _law(seed: int, out: Path, resume: bool, threads: int, generations: int | None) -> Policy:
    from astraea.congestion.trainer.evolution import EvolutionSettings
    from astraea.congestion.trainer.search import train_law

    length: dict[str, Any] = {} if generations is None else {"generations": generations}
    with _Training("training", ERR, now="compiling") as bar:
        return train_law(
            EvolutionSettings(seed=seed, **length),
            out,
            resume=resume,
            jobs=threads,
            tensorboard=find_spec("tensorboard") is not None,
            watch=bar.show_generation,
        )


def _td3(recipe: str, seed: int, out: Path, resume: bool, threads: int, minutes: float | None) -> Policy:
    from astraea.congestion.trainer.td3 import QUICK, Td3Settings, train_td3

    base = QUICK if recipe == "quick" else Td3Settings()
    changes: dict[str, Any] = {"seed": seed, "threads": threads}
    if minutes is not None:
        changes["minutes"] = minutes
    settings = Td3Settings(**{**base.model_dump(), **changes})
    with _Training("training", ERR, now="compiling") as bar:
        return train_td3(
            settings, out, resume=resume, tensorboard=find_spec("tensorboard") is not None, watch=bar.show_progress
        )


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
                if key in ("jain", "utilisation") and value is not None
            )
            self.validation = ", ".join(figures)
        now = f"{found.flow_steps:,} decisions {self.validation}"
        self.show(found.done, 1.0, now)
