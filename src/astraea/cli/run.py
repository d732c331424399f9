"""``astraea run``: one federation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from astraea.cli.options import (
    ConfigArgument,
    CongestionOption,
    DataDirOption,
    JsonOption,
    NetworkOption,
    SetOption,
    TrustOption,
)
from astraea.cli.shell import ERR, OUT, friendly, read_tables, short_for

if TYPE_CHECKING:
    from astraea.experiment.cost import Cost
    from astraea.experiment.settings import RunSettings

__all__ = ["run"]


def run(
    config: ConfigArgument = None,
    changes: SetOption = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="NAME", help="Where rounds are executed: short for --set engine.name=NAME."),
    ] = None,
    network: NetworkOption = None,
    congestion: CongestionOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; by default runs/SCENARIO-ALGORITHM-seedN."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in the folder, under its settings where no CONFIG is given. How it is run may "
            "change (--engine, --data-dir, engine.*, output.*), and rounds may become more.",
        ),
    ] = False,
    prolong: Annotated[
        bool,
        typer.Option(
            "--prolong",
            help="Go on with the run in the folder to more rounds although its learning rates depend on how many "
            "there are: what is done stays as it was.",
        ),
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Serve a page of the run that updates itself, on this machine alone.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the run would cost, and do not run it.")] = False,
    data_dir: DataDirOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train one federation, with live progress; without CONFIG, the built-in example on bundled data.

    The folder gets config.toml, metrics.jsonl, summary.json, model.safetensors, clients.json and checkpoint/; the page
    of reference on a run's folder tells of each file.
    """
    with friendly(resume=f"astraea run --resume --out {out}" if out else "the same command with --resume"):
        from astraea.experiment.settings import parse_settings

        changes = short_for(changes, {"engine.name": engine, "network.name": network, "network.congestion": congestion})
        resume = resume or prolong
        if resume and config is None and out is not None:
            config = out / "config.toml"
        tables, source = read_tables(config, changes, data_dir)
        tables.pop("arms", None)
        settings = parse_settings(tables, source, trust=trust)
        if dry_run:
            _show_cost(settings, as_json)
            return
        folder = out or _default_folder(settings, resume)
        with _watched(folder) if live else nullcontext():
            _train(settings, folder, resume, prolong, trust, as_json)


def _default_folder(settings: RunSettings, resume: bool) -> Path:
    """Return a folder named after the run: a new one, or with ``resume`` the latest that there is."""
    parts = [settings.data.name, settings.scenario.name, settings.algorithm.name, f"seed{settings.seed}"]
    names = (part.rpartition(":")[2].rpartition(".")[2] for part in parts if part != "custom")
    first = Path("runs") / "-".join(names)
    latest, number = first, 1
    following = first
    while following.exists():
        number += 1
        latest, following = following, first.with_name(f"{first.name}-{number}")
    return latest if resume else following


@contextmanager
def _watched(folder: Path) -> Iterator[None]:
    """Serve the run's page from another process, which training does not wait for and which ends with this one."""
    command = [sys.executable, "-m", "astraea", "watch", str(folder), "--parent", str(os.getpid())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _train(settings: RunSettings, out: Path, resume: bool, prolong: bool, trust: bool, as_json: bool) -> None:
    from astraea.experiment.run import run as train
    from astraea.federation.callbacks import LiveProgress

    progress = LiveProgress(ERR, settings.algorithm.name)
    result = train(settings, out=out, resume=resume, prolong=prolong, trust=trust, callbacks=[progress])
    if as_json:
        typer.echo(json.dumps(result.summary))
        return
    OUT.print(_table(result.summary))
    for note in result.summary["notes"]:
        if note not in progress.told:
            ERR.print(f"note: {note}", style="yellow", markup=False, emoji=False, highlight=False)
    OUT.print(f"written to {out}", highlight=False)


_REGRESSION = {"r2": "R²", "mae": "mean absolute error", "rmse": "root of the mean squared error"}


def _table(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    def percent(key: str) -> str:
        return "–" if summary[key] is None else f"{summary[key]:.1%}"

    table = Table(show_header=False, box=None, pad_edge=False)
    regression = summary["regression"] or {}
    fit = ", ".join(f"{words} {regression[key]:.3g}" for key, words in _REGRESSION.items() if key in regression)
    of_bins = ", of bins" if regression else ""
    rows = [
        *([("of the values", fit)] if fit else []),
        (f"accuracy{of_bins}, final", f"{percent('accuracy_final')}   (best {percent('accuracy_best')})"),
        (f"balanced accuracy{of_bins}", percent("balanced_accuracy")),
        ("recall of the rarest quarter", percent("tail_recall")),
        ("worst tenth of clients", percent("worst_decile_client_accuracy")),
        ("rounds", f"{summary['rounds']}, {summary['client_epochs']:,} client epochs"),
        ("samples processed", f"{summary['samples_processed']:,}"),
        ("steps", f"{summary['optimizer_steps']:,}, {summary['critical_path_steps']:,} on the critical path"),
        ("sent", f"{summary['bytes_sent'] / 1e6:,.1f} MB"),
        (
            "divergence from uniform",
            f"clients {summary['client_kl_mean']:.3f}, mediators {summary['mediator_kl_mean']:.3f}",
        ),
        ("extra storage", f"{summary['storage_overhead']:.1%}"),
        ("time", f"{summary['wall_seconds']:.1f} s"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    if summary["simulated_seconds"] is not None:
        split = ", ".join(f"{value:,.1f} {part}" for part, value in summary["simulated_split"].items())
        table.add_row(f"on {summary['network']}", f"{summary['simulated_seconds']:,.1f} s simulated: {split}")
    if summary["visits_skipped"]:
        table.add_row("visits skipped", str(summary["visits_skipped"]))
    return table


def _show_cost(settings: RunSettings, as_json: bool) -> None:
    import dataclasses

    from astraea.experiment.cost import estimate
    from astraea.experiment.prepare import prepare

    experiment = prepare(settings)
    cost: Cost = estimate(experiment)
    experiment.engine.close()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(cost)))
        return
    OUT.print(
        f"{cost.rounds} rounds: {cost.client_epochs:,} client epochs, {cost.samples_processed:,} samples, "
        f"{cost.optimizer_steps:,} steps\n"
        f"traffic {cost.bytes_sent / 1e6:,.1f} MB, memory about {cost.memory_bytes / 1e6:,.0f} MB, "
        f"time about {cost.seconds:,.0f} s on this machine",
        highlight=False,
    )
    if cost.simulated_seconds is not None:
        told = f"on {settings.network.name}: about {cost.simulated_seconds:,.0f} s, every round taken for the first"
        OUT.print(told, highlight=False, markup=False)
