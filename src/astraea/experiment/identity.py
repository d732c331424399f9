"""Whether a run may go on in a folder: the same is run, however it is run, and perhaps for longer."""

from __future__ import annotations

from pathlib import Path

from astraea.errors import RunError
from astraea.experiment.settings import RunSettings, flattened, resolved
from astraea.federation.callbacks import EarlyStopping, latest_checkpoint, load_checkpoint, save_checkpoint
from astraea.federation.prolonging import earlier_lengths
from astraea.identity import check_same

__all__ = ["EXECUTION", "check_same_run", "continued", "reopen"]

EXECUTION = ("engine", "output", "data.dir", "data.path", "data.download")
"""Settings that say how a run is executed, and where its files lie. All others say what is run."""


def check_same_run(now: RunSettings, stored: RunSettings, path: Path) -> None:
    """Raise :class:`RunError`, which names a setting, if the run in ``path`` is not the one that ``now`` describes."""
    for key, section in (("data", "data"), ("model", "model.name")):
        was, given = getattr(stored.given, key), getattr(now.given, key)
        if (was is None) != (given is None):
            raise RunError(
                f"the run in {path} was made with {was or f'the {key} that its settings name'}, not "
                f"{given or f'what {section} names'}: bring the same, or choose another --out"
            )
    check_same(
        flattened(resolved(now)),
        flattened(resolved(stored)),
        f"the run in {path}",
        execution=(*EXECUTION, "given.model"),  # a class may be brought as a module: the fingerprint is the judge
        mend="resume it without changes, or choose another --out",
    )


def continued(now: RunSettings, stored: RunSettings, path: Path, *, prolong: bool) -> RunSettings:
    """Return the settings under which the run in ``path``, begun with ``stored``, goes on as ``now`` says.

    A run may be prolonged where its past does not depend on its end. With ``prolong`` it may be anyway: what is past
    stays as it was, and the settings say so. Raises :class:`RunError` for anything else that differs in what is run.
    """
    unit = "rounds" if stored.samples is None else "samples"
    had, wanted = getattr(stored, unit), getattr(now, unit)
    now = now.model_copy(update={"prolonged": stored.prolonged})
    check_same_run(now if wanted is None else now.model_copy(update={unit: had}), stored, path)
    lengths = earlier_lengths(
        *(had, wanted, stored.prolonged, stored.train, stored.algorithm),
        what=f"the run in {path}",
        unit=unit,
        prolong=prolong,
    )
    return now.model_copy(update={"prolonged": lengths})


def reopen(now: RunSettings, stored: RunSettings, checkpoints: Path, summary: Path) -> None:
    """Make ready a folder whose run, begun with ``stored``, goes on for longer, as ``now`` says.

    Raises :class:`RunError` if it did not end because its length was reached.
    """
    latest = latest_checkpoint(checkpoints)
    run = None if latest is None else load_checkpoint(latest)
    if latest is None or run is None or not run.finished:
        return
    done: float = run.state.round
    had = stored.rounds
    if stored.samples is not None:
        done, had = run.totals["samples_processed"], stored.samples
    patience = stored.evaluation.early_stopping
    if done < had or (patience is not None and EarlyStopping(patience).exhausted(run)):
        raise RunError(
            f"the run in {checkpoints.parent} was stopped early, after round {run.state.round}, and more rounds would "
            "not change that: begin another run with a larger evaluation.early_stopping"
        )
    summary.unlink(missing_ok=True)
    if run.state.round % now.evaluation.every == 0:
        run.finished = False
        save_checkpoint(run, checkpoints)
    else:  # it was measured because it was the last, which a longer run would not have done
        latest.unlink()
