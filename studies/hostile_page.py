"""The page of the study of hostile clients, from its scores alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

__all__ = ["write_page"]

Row = Mapping[str, Any]

_ABOUT = """What clients can do to a model that is handed from one to the next, what a defence holds, and what it costs
honest clients.

The runs are small: 100 clients of unequal sizes, 50 in a round, an MLP, 15 rounds. Hostile clients come last in their
chains, in each pass. Figures are in %, means over seeds. Tail recall is that of the rarest quarter of classes. `clip`
is `server.defence = "clip"` as it comes, with which `balance.most_samples` is 10; `multiple = 3` goes with
`discard = 6` and the same bound. `clip alone` shortens changes to one median and discards nothing; it and `probe` have
`balance.most_samples = 3`. Made by `{command}` from `studies/scores/hostile.jsonl`, a line a run, {runs} in all;
machines of two kinds made them. Under attack with `clip`, {twice} of {attacked} cells have two seeds, and the others
one: {once}.
"""
_NORM = ("zero", "sign flip × 10", "× 100", "× 1e30", "garbage", "NaN")
_LIES = ("lying histogram",)
_AIMED = ("sign flip", "label flip", "collusion", "backdoor")
_PRICE = """**What the price is made of: accuracy / tail recall in points against no defence, in pairs of one seed.**

How many pairs is in parentheses. Clipping costs nothing that can be seen. The price is that of `balance.most_samples`,
which bounds how much a client counts. At 3 medians it cuts one client in nine, and these hold two fifths of all
samples. At 10 it cuts one in fifty. At 100, what it is without a defence, it holds no liar. So with a defence it is 10
unless something else is set.
"""
_FEDAVG = """**Why FedAvg pays for `clip`.** While a model still learns fast, a visit moves it nearly in proportion to
its steps: fits over the visits of single rounds gave powers of 0.84 to 1.06. A pace counts the root of the steps. So it
is clients with ten times the usual samples that seem fast, and are shortened. In a chain they are one visit of many.
In FedAvg they have most of the weight, and do most of the learning. `multiple = 3` with `discard = 6` spares them, and
holds norms and garbage as well, but for zeros: those are not far from a model that is still small.

**Why lying histograms are not held in FedAvg.** Each liar counts for ten median clients, and ten of them outweigh the
forty others, whose large ones did the learning. At 3 medians liars cost little more, but the bound itself takes as much
from honest large clients (below). What a client says it holds cannot be told from what it holds. Chains train on
everybody in turn, and depend on it less.
"""
_ROBUST = """Chains of ten are hostile as a whole if one of their clients is, which then comes last: with 20 % hostile,
1 - 0.8^10 = 89 % of the chains. No average over chains finds the honest ones among them, so it falls to chance. Fewer
than half of the chains are hostile while fewer than 1 - 2^(-1/L) of the clients are. That is 7 % for chains of L = 10,
13 % for 5, and 50 % for FedAvg's of one. FedAvg is held, and pays most of its accuracy: a median forgets what few
clients know. Rounds of fewer chains than a rule needs to leave one out are refused.
"""
_PRIVATE = """
Mediators are scheduled on what the server is told; their divergence from uniform is that of the true labels. The gain
is that of the plain histograms over random mediators. 50 clients of 120 samples, in chains of 10. With such small
clients the greedy rule gains little on one data set and nothing on the other. Over three seeds the final accuracy with
`secure-sum` at ε = 1 is that of the plain histograms, or better by chance; with `local-dp` it is lower on one data set
by more than half a point. [Private histograms](private-histograms.md) has the curve over ε and sizes of clients.
"""


def _seeds(rows: Sequence[Row]) -> dict[str, object]:
    """Return how many cells under attack with ``clip`` have a second seed, and how many of which kind have none."""
    keys = ("algorithm", "share", "dataset", "attack")
    under = Counter(
        tuple(row[key] for key in keys) for row in rows if row["defence"] == "clip" and row["attack"] != "clean"
    )
    once = Counter(f"{cell[0]} at {100 * cell[1]:.0f} %" for cell, seeds in under.items() if seeds == 1)
    told = ", ".join(f"{count} of {kind}" for kind, count in sorted(once.items())) or "none"
    return {"twice": len(under) - once.total(), "attacked": len(under), "once": told}


def write_page(rows: Sequence[Row], path: Path, command: str) -> None:
    """Write what ``rows`` say to ``path``; ``command`` makes the page anew."""
    text = [
        "# Hostile clients\n",
        _ABOUT.format(command=command, runs=len(rows), **_seeds(rows)),
    ]
    text += _in_short(rows) + _price(rows)
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    for dataset in datasets:
        own = [row for row in rows if row["dataset"] == dataset]
        text.append(f"## {dataset}\n")
        text += _clean(own) + _attacked(own) + _targeted(own) + _robust(own)
    text += _private(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text).rstrip() + "\n")


def _in_short(rows: Sequence[Row]) -> list[str]:
    """Return a table of the most that is lost against nobody hostile and no defence, over datasets and attacks."""
    heads = ["the defence alone", *(f"{kind}: 10 % | 20 %" for kind in ("norm, garbage", "histogram", "with an aim"))]
    table = [f"| algorithm | {' | '.join(heads)} |", _rule(8)]
    algorithms = sorted({row["algorithm"] for row in rows if row["algorithm"] != "private"})
    for algorithm, defence in [*((algorithm, "clip") for algorithm in algorithms), ("fedavg", "clip, multiple = 3")]:
        cells = [_most_lost(rows, algorithm, defence, ("clean",), 0.0)]
        kinds = (_NORM, _LIES, _AIMED)
        cells += [_most_lost(rows, algorithm, defence, kind, share) for kind in kinds for share in (0.1, 0.2)]
        table.append(f"| {algorithm}{defence.removeprefix('clip')} | {' | '.join(cells)} |")
    about = (
        "**With `clip`: the most that accuracy / tail recall lose, in points, over both data sets and all attacks.**\n"
    )
    return [about, *table, "", _FEDAVG]


def _price(rows: Sequence[Row]) -> list[str]:
    """Return what clipping and the bound on a client's samples cost, each by itself, in pairs of the same seed."""
    defences = {
        "clip": "clip, `most_samples = 10` (as it comes)",
        "clip, most_samples = 3": "clip, `most_samples = 3`",
        "clip, most_samples = 100": "clip, `most_samples = 100`",
        "most_samples = 3": "no clip, `most_samples = 3`",
    }
    table = ["| algorithm | data | defence | nobody hostile | lying histograms, 20 % |", _rule(5)]
    for algorithm in ("chains of 10", "one chain of 50"):
        for dataset in dict.fromkeys(row["dataset"] for row in rows):
            own = [row for row in rows if row["dataset"] == dataset and row["algorithm"] == algorithm]
            plain = {row["seed"]: row for row in _where(own, attack="clean", defence="none")}
            for defence, words in defences.items():
                clean = _where(own, attack="clean", defence=defence)
                lies = _where(own, attack="lying histogram", defence=defence, share=0.2)
                if clean:
                    cells = (algorithm, dataset, words, _paired(plain, clean), _paired(plain, lies))
                    table.append(f"| {' | '.join(cells)} |")
    return [_PRICE, *table, ""] if len(table) > 2 else []


def _paired(plain: Mapping[int, Row], found: Sequence[Row]) -> str:
    pairs = [(plain[row["seed"]], row) for row in found if row["seed"] in plain and "failed" not in row]
    if not pairs:
        return "–"
    gained = (100 * mean(b[name] - a[name] for a, b in pairs) for name in ("accuracy_final", "tail_recall"))
    return f"{' / '.join(f'{value:+.1f}' for value in gained)} ({len(pairs)})"


def _most_lost(rows: Sequence[Row], algorithm: str, defence: str, attacks: Sequence[str], share: float) -> str:
    lost: dict[str, list[float]] = {"accuracy_final": [], "tail_recall": []}
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset and row["algorithm"] == algorithm]
        clean = {row["seed"]: row for row in _where(own, attack="clean", defence="none")}
        for attack in attacks:
            found = _where(own, attack=attack, defence=defence, share=share)
            for name, values in lost.items():
                if found:
                    values.append(100 * mean(clean[row["seed"]][name] - row[name] for row in found))
    return " / ".join(f"{max(values):.1f}" if values else "–" for values in lost.values())


def _clean(rows: Sequence[Row]) -> list[str]:
    found = [row for row in rows if row["attack"] == "clean" and row["algorithm"] != "private" and "failed" not in row]
    table = ["| algorithm | defence | accuracy | tail recall | visits clipped | visits skipped | seeds |", _rule(7)]
    for (algorithm, defence), own in sorted(_grouped(found, "algorithm", "defence").items()):
        visits = mean(row["client_epochs"] for row in own)
        table.append(
            f"| {algorithm} | {defence} | {_mean(own, 'accuracy_final')} | {_mean(own, 'tail_recall')} | "
            f"{100 * mean(row['clipped'] for row in own) / visits:.1f} % | "
            f"{mean(row['skipped'] for row in own):.1f} | {len(own)} |"
        )
    return ["**Nobody hostile: the price of a defence.**\n", *table, ""]


def _attacked(rows: Sequence[Row]) -> list[str]:
    bounds = ("clip", "clip, most_samples = 3")
    cases = [("none", 0.1), *((defence, share) for defence in bounds for share in (0.1, 0.2)), ("clip alone", 0.2)]
    heads = [f"{defence}, {100 * share:.0f} %" for defence, share in cases]
    text = []
    for algorithm in sorted({row["algorithm"] for row in rows if row["algorithm"] != "private"}):
        own = [row for row in rows if row["algorithm"] == algorithm]
        clean = _where(own, attack="clean", defence="none")
        table = [f"| attack | {' | '.join(heads)} |", _rule(1 + len(heads))]
        table.append(f"| nobody hostile | {' | '.join([_both(clean)] * len(heads))} |")
        for attack in (*_NORM, *_LIES, *_AIMED):
            found = [_where(own, attack=attack, defence=defence, share=share) for defence, share in cases]
            table.append(f"| {attack} | {' | '.join(map(_both, found))} |")
        text += [f"**{algorithm}: accuracy / tail recall, by defence and share of hostile clients.**\n", *table, ""]
    return text


def _targeted(rows: Sequence[Row]) -> list[str]:
    found = [row for row in rows if row.get("attack_success") is not None and row["share"] == 0.2]
    table = ["| attack, 20 % | algorithm | defence | success | accuracy | tail recall |", _rule(6)]
    for (attack, algorithm, defence), own in sorted(_grouped(found, "attack", "algorithm", "defence").items()):
        table.append(
            f"| {attack} | {algorithm} | {defence} | {_mean(own, 'attack_success')} | "
            f"{_mean(own, 'accuracy_final')} | {_mean(own, 'tail_recall')} |"
        )
    about = "**Attacks with an aim: share of test samples that are taken for what the attack wants.**\n"
    return [about, *table, ""] if found else []


def _robust(rows: Sequence[Row]) -> list[str]:
    names = ("none", "median", "trimmed-mean", "multi-krum", "centred-clipping", "probe")
    attacks = ("clean", "sign flip × 10", "label flip", "backdoor", "collusion")
    table = [f"| algorithm | average or defence | {' | '.join(attacks)} |", _rule(2 + len(attacks))]
    for algorithm in ("chains of 10", "fedavg"):
        for name in names[1:]:
            found = [_where(rows, algorithm=algorithm, defence=name, attack=attack) for attack in attacks]
            if any(found):
                table.append(f"| {algorithm} | {name} | {' | '.join(map(_both, found))} |")
    about = "**Robust averages over chains, and a probe: accuracy / tail recall with 20 % hostile, one seed.**\n"
    return [about, *table, "", _ROBUST] if len(table) > 2 else []


def _private(rows: Sequence[Row]) -> list[str]:
    found = [row for row in rows if row["algorithm"] == "private" and "failed" not in row]
    if not found:
        return []
    table = ["| data | histograms | KL of mediators (nats) | gain kept | accuracy | tail recall | seeds |", _rule(7)]
    for (dataset, way), own in sorted(_grouped(found, "dataset", "defence").items()):

        def divergence(name: str, dataset: str = dataset) -> float | None:
            there = _where(found, dataset=dataset, defence=name)
            return mean(row["mediator_kl_mean"] for row in there) if there else None

        worst, best, here = divergence("random mediators"), divergence("plain"), divergence(way)
        if worst is None or best is None or here is None:
            kept = "–"
        else:
            kept = f"{100 * (worst - here) / (worst - best):.0f} %" if worst > best else "there is none"
        table.append(
            f"| {dataset} | {way} | {here:.4f} | {kept} | {_mean(own, 'accuracy_final')} | "
            f"{_mean(own, 'tail_recall')} | {len(own)} |"
        )
    return [
        "## Private histograms\n",
        _PRIVATE,
        *table,
        "",
    ]


def _grouped(rows: Sequence[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def _where(rows: Sequence[Row], **values: Any) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def _mean(rows: Sequence[Row], name: str) -> str:
    return f"{100 * mean(row[name] for row in rows):.1f}"


def _both(rows: Sequence[Row]) -> str:
    there = [row for row in rows if "failed" not in row]
    if not there:
        return "the run ends" if rows else "–"
    lost = "" if len(there) == len(rows) else f" ({len(rows) - len(there)} of {len(rows)} end)"
    return f"{_mean(there, 'accuracy_final')} / {_mean(there, 'tail_recall')}{lost}"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
