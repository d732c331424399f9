"""The scenarios of the Astraea papers, by name: settings that a user gets without spelling them out.

Sources: Duan et al., "Astraea: Self-balancing federated learning for improving classification accuracy of
mobile deep learning applications" (ICCD 2019, doi:10.1109/ICCD46524.2019.00038) and "Self-Balancing Federated
Learning With Global Imbalanced Data in Mobile Systems" (IEEE TPDS 32(1), 2021,
doi:10.1109/TPDS.2020.3009406); the five EMNIST scenarios are their Table I. What the papers leave open is our
reconstruction: the letter frequencies, the distribution of upload counts, and for CINIC-10 the counts (the
commonest class at the 18,000 samples that training and validation set hold of it) and the client sizes;
docs/reference/scenarios.md says what each was checked against.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PAPERS"]

_EMNIST = {"clients": 500, "samples": 117_500, "test": "balanced", "test_per_class": 400}
_CINIC = {"clients": 100, "skew": "random", "sizes": "uploads", "test": "balanced"}

PAPERS: Mapping[str, Mapping[str, object]] = {
    "bal1": {**_EMNIST, "labels": "balanced", "skew": "stratified", "sizes": "even"},
    "bal2": {**_EMNIST, "labels": "balanced", "skew": "random", "sizes": "even"},
    "ins": {**_EMNIST, "labels": "balanced", "skew": "random", "sizes": "uploads"},
    "ltrf1": {**_EMNIST, "labels": "letter-frequency", "skew": "random", "sizes": "uploads"},
    "ltrf2": {
        **_EMNIST,
        "labels": "letter-frequency",
        "skew": "random",
        "sizes": "uploads",
        "samples": 230_752,
    },
    "cinic-half-normal": {**_CINIC, "labels": "half-normal", "samples": 75_851},
    "cinic-zipf": {**_CINIC, "labels": "zipf", "samples": 27_895},
    "cinic-linear": {**_CINIC, "labels": "linear", "samples": 99_000},
}
