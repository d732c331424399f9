"""``astraea congestion train``: a policy from scratch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.options import JsonOption
from astraea.cli.shell import ERR, OUT, friendly
from astraea.errors import unknown_name

if TYPE_CHECKING:
    from astraea.congestion.trainer.evolution import EvolutionSettings, Generation

__all__ = ["train"]

_RECIPES = ("law",)


def train(
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="law: a law of few numbers, by evolution (recommended).")
    ] = "law",
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of all randomness.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training.")] = Path("runs/policy"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Threads; by default one for each processor.")
    ] = os.cpu_count() or 1,
    generations: Annotated[
        int | None, typer.Option("--generations", "-g", min=1, help="Generations; by default the recipe's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a policy from scratch; the best by validation is OUT/policy.safetensors."""
    with friendly(resume="--resume"):
        if recipe not in _RECIPES:
            raise unknown_name("recipe", recipe, _RECIPES)
        from astraea.congestion.trainer.evolution import EvolutionSettings
        from astraea.congestion.trainer.search import train_law

        chosen = {} if generations is None else {"generations": generations}
        settings = EvolutionSettings(seed=seed, **chosen)
        with _Bar() as bar:
            policy = train_law(settings, out, resume=resume, jobs=jobs, watch=bar.show)
        if as_json:
            typer.echo(json.dumps({"policy": str(out / "policy.safetensors"), **policy.card}))
            return
        OUT.print(f"the best law, of generation {policy.card['generation']}: {policy.card['numbers']}")
        OUT.print(f"fitness on the validation's worlds: {policy.card['validation']}")
        OUT.print(f"written to {out / 'policy.safetensors'}", markup=False, highlight=False)


class _Bar:
    """Generations done, and how the search stands."""

    def __enter__(self) -> _Bar:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("generations"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
            TimeRemainingColumn(),
            console=ERR,
        )
        self.task = self.progress.add_task("generations", total=None, now="compiling")
        self.validation = ""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, found: Generation, settings: EvolutionSettings) -> None:
        """Show that generation ``found`` has been played."""
        if found.validation:
            self.validation = f", validation {found.validation['all']:.3f}"
        now = f"mean fitness {sum(found.values) / len(found.values):.3f}{self.validation}"
        self.progress.update(self.task, total=settings.generations, completed=found.number + 1, now=now)
