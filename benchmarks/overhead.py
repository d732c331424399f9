"""What a round costs when its clients do nothing: this project beside pfl and Flower's simulation."""

from __future__ import annotations

from arena import Contender, arguments, bars, contend, ratios, write

SIZES = [(100, 10, 100_000), (1000, 50, 100_000), (1000, 50, 1_650_000)]


def main() -> None:
    options = arguments(
        __doc__ or "",
        turns=11,
        rounds=(20, "rounds of a turn, for those that need less than a second for them"),
        no_flower=(False, "leave out Flower, which takes minutes"),
        client_cpus=(1.0, "processors of a client in Flower's simulation"),
    )
    results, times = {}, {}
    for clients, cohort, size in SIZES:
        config = {"clients": clients, "cohort": cohort, "size": size, "rounds": options.rounds}
        contenders = [
            Contender("serial", "astraea_overhead", config | {"engine": "serial"}),
            Contender("processes", "astraea_overhead", config | {"engine": "processes"}),
            Contender("pfl", "pfl_overhead", config, peer=True),
            Contender("pfl, 1 thread", "pfl_overhead", config, peer=True, environment={"OMP_NUM_THREADS": "1"}),
        ]
        if not options.no_flower:
            flower = config | {"rounds": 1, "client_cpus": options.client_cpus}
            contenders.append(Contender("Flower", "flower_overhead", flower, peer=True))
        scores = contend(contenders, options.turns, options.peers)
        case = f"{clients}/{cohort}/{size / 1e6:g} M"
        to_serial = ratios(scores, "serial")
        results[case] = {
            name: {"ms": 1e3 * score.seconds, "ratio to serial": to_serial[name], "turns": score.turns}
            for name, score in scores.items()
        }
        times[case] = {name: 1e3 * score.seconds for name, score in scores.items()}
        print(f"{case}: " + ", ".join(f"{n} {t:.1f} ms (×{to_serial[n]:.2f})" for n, t in times[case].items()))
    write(options.out, "overhead", results)
    bars(options.out, "overhead", times, "ms a round of idle clients")


if __name__ == "__main__":
    main()
