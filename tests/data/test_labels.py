import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance import kl_to_uniform
from astraea.data import labels
from astraea.errors import InputError

NAMES = tuple(f"class {c}" for c in range(62))
PLENTY = np.full(62, 1_000_000)


def weights(distribution: labels.LabelDistribution, classes: int) -> np.ndarray:
    return distribution.weights(NAMES[:classes], np.ones(classes, np.int64))


def _counts(weights: np.ndarray, samples: int | None, available: int = 1_000_000, **more: int) -> np.ndarray:
    counts, note = labels.class_counts(
        weights, np.full(len(weights), available), NAMES[: len(weights)], samples, **more
    )
    assert note is None
    return counts


def test_half_normal_gives_the_papers_cinic_counts() -> None:
    expected = [18000, 16451, 13741, 10489, 7318, 4666, 2719, 1448, 705, 314]
    assert _counts(weights(labels.HalfNormal(), 10), None, 18_000).tolist() == expected
    assert _counts(weights(labels.HalfNormal(), 10), 75_851, 18_000).tolist() == expected
    assert kl_to_uniform(expected) == pytest.approx(0.3885, abs=5e-5)


def test_half_normal_bins_reach_three_sigma_for_any_number_of_classes() -> None:
    found = weights(labels.HalfNormal(), 3)  # middles at 0.5, 1.5 and 2.5 sigma
    assert found == pytest.approx(np.exp([0, (0.25 - 2.25) / 2, (0.25 - 6.25) / 2]))


def test_zipf_and_linear_have_the_divergences_of_the_paper() -> None:
    assert kl_to_uniform(weights(labels.Zipf(exponent=2), 10)) == pytest.approx(1.066, abs=5e-4)
    assert kl_to_uniform(weights(labels.Linear(), 10)) == pytest.approx(0.151, abs=5e-4)
    assert _counts(weights(labels.Zipf(exponent=1), 4), 25).tolist() == [12, 6, 4, 3]
    assert weights(labels.Linear(), 4).tolist() == [4, 3, 2, 1]


def test_long_tail_decays_exponentially_to_one_over_the_factor() -> None:
    # CIFAR-10-LT with 5,000 of the first class and factor 100.
    assert _counts(weights(labels.LongTail(factor=100), 10), None, 5_000).tolist() == [
        5000, 2997, 1797, 1077, 646, 387, 232, 139, 83, 50,
    ]  # fmt: skip
    assert weights(labels.LongTail(factor=100), 1).tolist() == [1]


def test_letter_frequency_is_the_reconstructed_ltrf1() -> None:
    # Rounded, the counts add up to 117,499: the first class with the largest remainder, F, gets one more.
    counts = _counts(labels.letter_frequency(labels.EMNIST_CHARACTERS), 117_500)
    assert dict(zip(labels.EMNIST_CHARACTERS, counts.tolist(), strict=True)) == {
        **dict.fromkeys("0123456789", 2500),
        "A": 4756, "B": 869, "C": 1620, "D": 2477, "E": 7397, "F": 1298, "G": 1173, "H": 3549, "I": 4057,
        "J": 89, "K": 450, "L": 2344, "M": 1401, "N": 3930, "O": 4372, "P": 1123, "Q": 55, "R": 3487,
        "S": 3685, "T": 5274, "U": 1606, "V": 570, "W": 1374, "X": 87, "Y": 1150, "Z": 43,
        "a": 4756, "b": 869, "d": 2477, "e": 7397, "f": 1297, "g": 1173, "h": 3549, "n": 3930, "q": 55,
        "r": 3487, "t": 5274,
    }  # fmt: skip
    assert kl_to_uniform(counts) == pytest.approx(0.265, abs=5e-4)


def test_letter_frequency_goes_by_the_names_where_classes_are_characters() -> None:
    by_name = dict(zip("zE5e", labels.letter_frequency(tuple("zE5e")).tolist(), strict=True))
    assert by_name == {"z": 0.074, "E": 12.702, "e": 12.702, "5": pytest.approx((0.074 + 2 * 12.702) / 3)}
    assert labels.letter_frequency(NAMES[:47]).tolist() == (labels.letter_frequency(labels.EMNIST_CHARACTERS).tolist())


@pytest.mark.parametrize("names", [NAMES[:46], NAMES[:10], tuple("0123456789")])
def test_letter_frequency_keeps_its_imbalance_for_other_classes(names: tuple[str, ...]) -> None:
    found = labels.letter_frequency(names)
    assert (np.diff(found) <= 0).all()
    assert kl_to_uniform(found) == pytest.approx(0.265, abs=0.03)


def test_explicit_counts_are_taken_as_they_are() -> None:
    assert _counts(weights(labels.Counts(counts=[5, 0, 2]), 3), 7).tolist() == [5, 0, 2]
    with pytest.raises(InputError, match="2 numbers, the data 3 classes"):
        weights(labels.Counts(counts=[5, 0]), 3)
    with pytest.raises(InputError, match="-1 for class 'class 1'"):
        weights(labels.Counts(counts=[5, -1, 0]), 3)


def test_scarce_samples_scale_all_counts_by_one_factor_and_say_so() -> None:
    counts, note = labels.class_counts(np.array([4.0, 2.0, 1.0]), np.array([200, 200, 200]), "abc", 700)
    assert counts.tolist() == [200, 100, 50]
    assert note == (
        "Class 'a' has 200 training samples where 400 are asked for: all counts are scaled by 0.5, "
        "to 350 samples instead of 700."
    )


def test_the_scarce_class_need_not_be_the_commonest() -> None:
    counts, note = labels.class_counts(np.array([4.0, 2.0, 1.0]), np.array([900, 900, 30]), "abc", None)
    assert counts.tolist() == [120, 60, 30]
    assert note is None


def test_no_class_falls_below_the_minimum_and_the_total_is_kept() -> None:
    assert _counts(weights(labels.Zipf(exponent=10), 3), 1000, minimum=40).tolist() == [920, 40, 40]


def test_a_class_without_samples_is_an_error_only_if_it_is_asked_for() -> None:
    available = np.array([5, 0])
    assert labels.class_counts(np.array([3.0, 0.0]), available, "ab", 3)[0].tolist() == [3, 0]
    with pytest.raises(InputError, match="class 'b' has no training sample"):
        labels.class_counts(np.ones(2), available, "ab")


def test_impossible_minimum_and_totals_are_refused() -> None:
    with pytest.raises(InputError, match=r"class 'b' has 3 training samples, fewer than .* = 4"):
        labels.class_counts(np.ones(2), np.array([5, 3]), "ab", None, minimum=4)
    with pytest.raises(InputError, match="7 samples cannot give 4 to each of 2 classes"):
        labels.class_counts(np.ones(2), np.array([5, 5]), "ab", 7, minimum=4)
    with pytest.raises(InputError, match="no sample of any class"):
        labels.class_counts(np.zeros(2), np.array([5, 5]), "ab")


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e3), st.integers(5, 10_000)), min_size=1, max_size=30),
    st.integers(0, 20_000),
    st.integers(1, 5),
)
def test_counts_are_what_was_asked_for_or_as_much_as_there_is(
    classes: list[tuple[float, int]], beyond: int, minimum: int
) -> None:
    weights, available = (np.array(column) for column in zip(*classes, strict=True))
    samples = beyond + minimum * len(weights)
    counts, note = labels.class_counts(weights, available, NAMES, samples, minimum)
    assert (counts >= minimum).all()
    assert (counts <= available).all()
    assert (note is None) == (counts.sum() == samples)
    if note:  # scaled: some class is used up, and more would break the shape
        assert (counts == available).any()
    shaped = counts > minimum
    if shaped.any():  # one factor for all classes above the minimum, up to rounding
        least, most = (
            ((counts[shaped] - 1) / weights[shaped]).max(),
            ((counts[shaped] + 1) / weights[shaped]).min(),
        )
        assert least <= most
