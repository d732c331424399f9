"""Whether a run may become longer: where its past depends on its end, only by choice."""

from __future__ import annotations

from astraea.errors import InputError, RunError
from astraea.federation.settings import TrainingSettings

__all__ = ["earlier_lengths"]


def earlier_lengths(
    had: int,
    wanted: int,
    earlier: tuple[int, ...],
    train: TrainingSettings,
    algorithm: object,
    *,
    what: str,
    unit: str = "rounds",
    prolong: bool = False,
) -> tuple[int, ...]:
    """Return the lengths, in ``unit``, that a run of ``had`` is to remember when it becomes one of ``wanted``.

    They are the ``earlier`` of a :class:`~astraea.federation.loop.Budget`. Where the learning rate is the same from the
    first round to the last, the longer run has the same past, and there is nothing to remember; elsewhere it takes
    ``prolong`` to keep the past of the shorter one. Raises :class:`RunError`, whose sentence begins with ``what``, if
    that is missing, and :class:`InputError` if it is given although the run does not become longer.
    """
    if wanted == had:
        if prolong:
            raise InputError(f"there is nothing to prolong: {what} has {unit} = {had}; set a larger number")
        return earlier
    if wanted < had:
        raise RunError(f"{what} has {unit} = {had}, not {wanted}: resume it without changes, or choose another folder")
    reason = _depends_on_its_end(train, algorithm)
    if not reason:
        return earlier
    if not prolong:
        raise RunError(
            f"{what} has {unit} = {had}, not {wanted}, and {reason}: a run of {wanted} would have trained otherwise "
            f"from its beginning. Add --prolong (in Python prolong=True) to keep what is done and to go on as such a "
            f"run would after {had} {unit}, or choose another folder"
        )
    return (*earlier, had)


def _depends_on_its_end(train: TrainingSettings, algorithm: object) -> str:
    """Return what makes a run's past depend on its length, or nothing."""
    if train.schedule != "constant":
        return f"train.schedule = '{train.schedule}' runs over that length"
    if train.warmup:
        return f"train.warmup = {train.warmup:g} is a share of that length"
    if type(algorithm).__module__.partition(".")[0] != "astraea":
        return f"what {type(algorithm).__qualname__} does may depend on that length"
    return ""
