"""A whole round of training: this project beside a bare PyTorch loop, pfl and Flower's simulation.

Two set-ups: pfl's CIFAR-10 benchmark (1000 clients with 50 images, 50 a round, batches of 10, SGD at 0.1, a CNN of
1.63 million parameters), and the Astraea papers' small CNN on Fashion-MNIST (500 clients with 100 images, 20 a
round, batches of 20). Data come from this project's loaders (``$ASTRAEA_DATA`` or the cache); ``--synthetic`` does
without any, which changes accuracy but not time. ``limit`` is the same number of samples in large batches, which
is what the machine could do at most. With ``--device cuda`` the stacked engine takes the place of ``processes``, and
pfl and Flower are left out.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from arena import Contender, arguments, bars, contend, ratios, write

SETUPS: dict[str, dict[str, Any]] = {
    "cifar": {"data": "cifar10", "clients": 1000, "held": 50, "cohort": 50, "batch": 10, "lr": 0.1},
    "papers": {"data": "fashion-mnist", "clients": 500, "held": 100, "cohort": 20, "batch": 20, "lr": 0.1},
}


def main() -> None:
    options = arguments(
        (__doc__ or "").splitlines()[0],
        turns=7,
        setup=("", "only this set-up"),
        cohort=(0, "clients of a round instead of the set-up's, for a quick look"),
        busy=(False, "one thread for each contender's loop, as others use this machine and threads would wait"),
        synthetic=(False, "random images instead of real ones"),
        no_flower=(False, "leave out Flower"),
        client_cpus=(1.0, "processors of a client in Flower's simulation"),
        bfloat16=(False, "measure the engine in bfloat16 as well"),
        stacked=(False, "measure the stacked engine on the processor as well"),
        device=("cpu", "torch device; on another than cpu the stacked engine is measured, without pfl and Flower"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in [options.setup] if options.setup else list(SETUPS):
            setup = SETUPS[name] | {"model": name}
            setup |= {"cohort": options.cohort} if options.cohort else {}
            config = setup | {
                "data": str(_prepare(setup, Path(folder), options.synthetic)),
                "device": options.device,
            }
            ours = "processes" if options.device == "cpu" else "stacked"
            engines = [ours, "serial", *(["stacked"] if options.stacked and ours != "stacked" else [])]
            single = {"OMP_NUM_THREADS": "1"}
            contenders = [Contender("loop, 1 thread", "loop_round", config, environment=single)]
            if not options.busy:
                contenders.append(Contender("loop", "loop_round", config))
            contenders.append(Contender("limit", "limit_round", config, environment=single if options.busy else {}))
            contenders += [Contender(engine, "astraea_round", config | {"engine": engine}) for engine in engines]
            if options.bfloat16:
                half = config | {"engine": ours, "bfloat16": True}
                contenders.append(Contender(f"{ours}, bfloat16", "astraea_round", half))
            if options.device == "cpu":
                contenders.append(
                    Contender("pfl", "pfl_round", config, peer=True, environment=single if options.busy else {})
                )
            if options.device == "cpu" and not options.no_flower:
                flower = config | {"client_cpus": options.client_cpus}
                contenders.append(Contender("Flower", "flower_round", flower, peer=True))
            scores = contend(contenders, options.turns, options.peers)
            to_ours = ratios(scores, ours)
            samples = setup["cohort"] * setup["held"]
            results = {
                one: {
                    "seconds": score.seconds,
                    "samples a second": samples / score.seconds,
                    f"ratio to {ours}": to_ours[one],
                    "accuracy": score.turns[-1]["accuracy"],
                    "turns": score.turns,
                }
                for one, score in scores.items()
            }
            for one, score in scores.items():
                print(
                    f"{name}: {one:10s} {score.seconds:7.2f} s a round, {samples / score.seconds:6.0f} samples/s, "
                    f"×{to_ours[one]:.2f} of {ours}, accuracy {score.turns[-1]['accuracy']:.3f} "
                    f"after {options.turns} rounds"
                )
            write(options.out, f"round-{name}", results)
            bars(
                options.out,
                f"round-{name}",
                {name: {one: score.seconds for one, score in scores.items()}},
                "s a round",
            )


def _prepare(setup: dict[str, Any], folder: Path, synthetic: bool) -> Path:
    """Write images and labels where every contender can read them, without any framework."""
    needed = setup["clients"] * setup["held"]
    path = folder / f"{setup['model']}.npz"
    rng = np.random.default_rng(0)
    if synthetic:
        shape = (3, 32, 32) if setup["model"] == "cifar" else (1, 28, 28)
        x, y = rng.integers(0, 256, (needed + 1000, *shape), np.uint8), rng.integers(0, 10, needed + 1000)
        train, test = (x[:needed], y[:needed]), (x[needed:], y[needed:])
    else:
        from astraea.data import load_dataset

        dataset = load_dataset(setup["data"])
        assert dataset.test is not None
        order = np.resize(rng.permutation(len(dataset.train.y)), needed)
        train, test = (dataset.train.x[order], dataset.train.y[order]), (dataset.test.x[:2000], dataset.test.y[:2000])
    np.savez(path, x=train[0], y=train[1], test_x=test[0], test_y=test[1])
    return path


if __name__ == "__main__":
    main()
