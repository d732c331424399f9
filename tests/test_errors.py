"""Messages that name what was probably meant."""

from __future__ import annotations

from astraea.errors import nearest, unknown_name


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert nearest("sgd", ["SGD", "Adam"]) == "; did you mean 'SGD'?"
    assert nearest("zzz", ["SGD", "Adam"]) == ""


def test_all_known_names_are_listed_in_order() -> None:
    error = unknown_name("loss", "crossentropy", ["logit-adjusted", "cross-entropy"])
    assert str(error) == (
        "unknown loss 'crossentropy'; did you mean 'cross-entropy'? (known: cross-entropy, logit-adjusted)"
    )
    assert isinstance(error, ValueError)
