"""Messages that name what was probably meant."""

from __future__ import annotations

from astraea.errors import InputError, RunError, nearest, unknown_name


def test_a_message_is_one_line_of_bearable_length_that_keeps_its_end() -> None:
    assert str(RunError("a\n - b\r\n - c")) == "a - b - c"
    assert str(InputError(f"key '{'9' * 70_000}' is no number: give one")) == f"key '{'9' * 59}… is no number: give one"
    words = "a word, " * 1_000
    assert len(str(RunError(f"{words}: mend it"))) == 1_403
    assert str(RunError(f"{words}: mend it")).endswith(": mend it")
    assert RunError(3).args == (3,)


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert nearest("sgd", ["SGD", "Adam"]) == "; did you mean 'SGD'?"
    assert nearest("zzz", ["SGD", "Adam"]) == ""


def test_all_known_names_are_listed_in_order() -> None:
    error = unknown_name("loss", "crossentropy", ["logit-adjusted", "cross-entropy"])
    assert str(error) == (
        "unknown loss 'crossentropy'; did you mean 'cross-entropy'? (known: cross-entropy, logit-adjusted)"
    )
    assert isinstance(error, ValueError)
