"""``astraea congestion kernel``: the policy as a congestion control of this machine, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.commands import App
from astraea.cli.options import JsonOption
from astraea.cli.shell import OUT, friendly

if TYPE_CHECKING:
    from astraea.congestion.kernel.places import Place

__all__ = ["app"]

app = App("kernel", "The policy in the Linux kernel, as the TCP congestion control 'astraea'.")


@app.command()
def install(
    policy: Annotated[
        Path | None, typer.Option("--policy", help="The policy, a file of 'train', or deep; by default the law.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Make it the default of the system (of this network namespace).")
    ] = False,
    netns: Annotated[
        list[str] | None,
        typer.Option("--netns", metavar="NAME", help="Make it the default of a network namespace; may be repeated."),
    ] = None,
    cgroup: Annotated[
        list[Path] | None,
        typer.Option("--cgroup", metavar="PATH", help="Make it the default of a cgroup of version 2; may be repeated."),
    ] = None,
    at_boot: Annotated[
        bool, typer.Option("--at-boot", help="Do the same whenever the machine starts, by a unit of systemd.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Load the policy into the kernel; any program may then use it. No module, no patch, no compiler.

    Where it is loaded already, the policy takes the place of the one in use, without a break. Until 'uninstall' or the
    next start of the machine. Needs root, or the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.
    """
    with friendly():
        from astraea.congestion.kernel.system import install as put
        from astraea.congestion.policy import load_policy, shipped_policy

        chosen = shipped_policy() if policy is None else load_policy(policy)
        source = "the shipped one" if policy is None else str(policy.absolute() if policy.exists() else policy)
        again = None
        if at_boot:
            again = [
                *(["--policy", source] if policy is not None else []),
                *(["--default"] if default else []),
                *(word for one in netns or [] for word in ("--netns", one)),
                *(word for path in cgroup or [] for word in ("--cgroup", str(path.absolute()))),
            ]
        made = put(
            chosen,
            source,
            default=default,
            namespaces=netns or [],
            cgroups=[path.absolute() for path in cgroup or []],
            at_boot=again,
        )
        if as_json:
            typer.echo(json.dumps({"name": "astraea", "policy": made.policy, "default_of": _places(made.places)}))
            return
        OUT.print(f"TCP connections may use 'astraea'; policy: {made.policy}", highlight=False)
        for place in made.places:
            OUT.print(f"new connections of {place.words} do so by default", highlight=False)
        OUT.print("'astraea congestion kernel uninstall' takes it out again", highlight=False)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show whether the policy is in the kernel, what its connections do, and what this machine lacks."""
    with friendly():
        from astraea.congestion.kernel.boot import UNIT
        from astraea.congestion.kernel.machine import obstacles
        from astraea.congestion.kernel.system import available, installed

        lacking = obstacles()
        found = None if lacking else installed()
        told: dict[str, object] = {
            "installed": found is not None or (bool(lacking) and available()),
            "lacking": lacking,
            "at_boot": UNIT.exists(),
        }
        if found is not None:
            counters = found.counters()
            told |= {
                "policy": found.policy,
                "default_of": _places(found.places),
                "connections": counters.connections,
                "connections_ever": counters.opened,
                "decisions": counters.decisions,
                "decision_us": round(counters.decision_us, 3),
                "fallback": round(counters.fallback, 4),
            }
        if as_json:
            typer.echo(json.dumps(told))
            return
        for line in lacking:
            OUT.print(f"in the way: {line}", highlight=False)
        if found is None:
            if not lacking and available():
                OUT.print("not installed, but a program that runs has loaded 'astraea' for itself", highlight=False)
            else:
                OUT.print("installed" if told["installed"] else "not installed", highlight=False)
            return
        OUT.print(f"installed; policy: {found.policy}", highlight=False)
        for place in found.places:
            OUT.print(f"default of {place.words}", highlight=False)
        OUT.print(
            f"{counters.connections} connections open, {counters.opened} so far; {counters.decisions} decisions, "
            f"{counters.decision_us:.2f} µs each in the mean; {100 * counters.fallback:.1f} % of the time in fallback",
            highlight=False,
        )


@app.command()
def uninstall() -> None:
    """Take the policy out of the kernel, and leave the system as it was found."""
    with friendly():
        from astraea.congestion.kernel.system import uninstall as take

        done = take()
        for line in done or ["it is not installed: nothing to do"]:
            OUT.print(line, highlight=False)


def _places(places: tuple[Place, ...]) -> list[str]:
    return [place.words for place in places]
