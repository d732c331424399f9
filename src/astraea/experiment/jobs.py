"""Runs side by side: those that are not finished yet, each in a folder and a process of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from astraea.errors import RunError, StorageError
from astraea.experiment.folder import RunFolder
from astraea.experiment.given import Given
from astraea.experiment.identity import check_same_run
from astraea.experiment.run import check_moved_data, run
from astraea.experiment.settings import RunSettings
from astraea.files import new_folder
from astraea.workers import WorkerPool

__all__ = ["Job", "Runner", "copy_run"]


@dataclass(frozen=True)
class Job:
    """One run of a comparison."""

    arm: str
    settings: RunSettings
    folder: Path

    def progress(self) -> tuple[float, int]:
        """Return which share of the run is done, 1 only once it is finished, and its rounds so far."""
        folder = RunFolder(self.folder)
        if folder.finished or not folder.metrics.exists():
            return float(folder.finished), 0
        lines = folder.metrics.read_bytes().split(b"\n")[:-1]  # the last may be in the middle of being written
        share = len(lines) / self.settings.rounds
        if lines and self.settings.samples is not None:
            share = json.loads(lines[-1])["samples_processed"] / self.settings.samples
        return min(share, 0.99), len(lines)


def copy_run(finished: Path, folder: Path) -> None:
    """Let a finished run be another folder's too, whole or not at all: it has the same settings."""
    if not folder.exists():
        with new_folder(folder) as partial:
            shutil.copytree(finished, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))


@dataclass(frozen=True)
class Runner:
    """How the runs of a comparison are done: by ``pool``, which has what is ``given``, unless ``known`` has one."""

    pool: WorkerPool
    given: Given
    watch: Callable[[Sequence[Job], int], None]
    known: Callable[[RunSettings], Path | None]

    def run_all(self, plan: Sequence[Job], *, tolerate: bool = False) -> set[Path]:
        """Run what is not finished; return the folders of runs that failed, or raise if that is not tolerated.

        What says nothing of a run, such as a full disk, is never tolerated.
        """
        for job in plan:
            if not job.folder.exists() and (elsewhere := self.known(job.settings)) is not None:
                copy_run(elsewhere, job.folder)
        waiting = [job for job in plan if not RunFolder(job.folder).whole]
        for job in plan:
            if job not in waiting:
                folder = RunFolder(job.folder)
                stored = folder.settings()
                check_same_run(job.settings, stored, job.folder)
                check_moved_data(job.settings, stored, folder, self.given)
        failures: dict[Path, str] = {}
        done = len(plan) - len(waiting)
        self.watch(plan, done)
        running: dict[Future[None], Job] = {self.pool.submit(_run_job, job): job for job in waiting}
        while running:
            ended, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in ended:
                job = running.pop(future)
                error = future.exception()
                if isinstance(error, StorageError | OSError | KeyboardInterrupt):
                    raise error
                if error is not None:
                    failures[job.folder] = f"{job.arm}, seed {job.settings.seed}: {error}"
                else:
                    done += 1
            self.watch(plan, done)
        if failures and not tolerate:
            raise RunError(
                f"{len(failures)} of {len(plan)} runs failed, the first: {next(iter(failures.values()))}; "
                "the others are kept, and the same command goes on from there"
            )
        return set(failures)


def _run_job(given: Given, job: Job) -> None:
    run(
        job.settings,
        dataset=given.dataset,
        scenario=given.scenario,
        model=given.model,
        out=job.folder,
        resume=True,
    )
