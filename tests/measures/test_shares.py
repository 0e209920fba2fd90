import numpy as np
import pandas as pd
import pytest

from analytics.measures.intervals import wilson_bounds
from analytics.measures.shares import corrected_share

CLASSES = ["negative", "neutral", "positive"]
RATES = np.array([[0.80, 0.06, 0.14], [0.35, 0.45, 0.20], [0.14, 0.06, 0.80]])


def _errors(rng: np.random.Generator) -> pd.DataFrame:
    counts = [rng.multinomial(n, row) for n, row in zip((2000, 1000, 2000), RATES, strict=True)]
    return pd.DataFrame(counts, CLASSES, CLASSES)


def _predicted(share: float, rng: np.random.Generator) -> pd.Series:
    true = rng.multinomial(2000, [share, 0.2 * (1 - share), 0.8 * (1 - share)])
    counts = sum(rng.multinomial(n, row) for n, row in zip(true, RATES, strict=True))
    return pd.Series(np.repeat(CLASSES, counts))


def test_two_classes_follow_rogan_and_gladen() -> None:
    # (q + specificity - 1) / (sensitivity + specificity - 1) = (0.30 - 0.10) / (0.70 + 0.90 - 1) = 1/3
    errors = pd.DataFrame([[70, 30], [10, 90]], ["negative", "other"], ["negative", "other"])
    share = corrected_share(pd.Series(["negative"] * 30 + ["other"] * 70), errors)
    assert share.value == pytest.approx(1 / 3, abs=1e-4)
    assert share.low < 1 / 3 < share.high
    assert (share.n, share.unit, share.source) == (100, "share", "said by customers")


def test_a_perfect_classifier_is_left_as_it_is() -> None:
    errors = pd.DataFrame(np.diag([10_000] * 3), CLASSES, CLASSES)
    assert corrected_share(pd.Series(["negative"] * 3 + ["positive"] * 7), errors).value == pytest.approx(0.3, abs=1e-4)


def test_a_share_below_the_false_alarm_rate_is_zero_not_negative() -> None:
    errors = pd.DataFrame([[80, 20], [20, 80]], ["negative", "other"], ["negative", "other"])
    share = corrected_share(pd.Series(["negative"] * 5 + ["other"] * 95), errors)
    assert share.value == 0
    assert 0 <= share.low <= share.high <= 0.15


def test_order_of_classes_and_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    errors, predicted = _errors(rng), _predicted(0.3, rng)
    turned = corrected_share(predicted[::-1], errors.loc[CLASSES[::-1], CLASSES[::-1]])
    assert turned.value == pytest.approx(corrected_share(predicted, errors).value, abs=1e-4)


def test_shares_of_all_classes_sum_to_one() -> None:
    rng = np.random.default_rng(4)
    errors, predicted = _errors(rng), _predicted(0.3, rng)
    assert sum(corrected_share(predicted, errors, name).value for name in CLASSES) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("share", [0.10, 0.30, 0.63, 0.80])
def test_true_shares_are_recovered_where_the_naive_count_fails(share: float) -> None:
    rng = np.random.default_rng(20)
    wrong, naive, covered = [], [], []
    for _ in range(60):
        predicted = _predicted(share, rng)
        found = corrected_share(predicted, _errors(rng))
        wrong.append(abs(found.value - share))
        naive.append(abs((predicted == "negative").mean() - share))
        covered.append(found.low <= share <= found.high)
    assert np.mean(wrong) <= 0.03
    assert np.mean(covered) >= 0.92
    if share != 0.63:  # where the two kinds of error happen to cancel out
        assert np.mean(naive) > 0.03


def test_unknown_and_missing_labels_are_left_out() -> None:
    errors = pd.DataFrame(np.diag([1000] * 3), CLASSES, CLASSES)
    assert corrected_share(pd.Series(["negative", "unknown", None, "positive"]), errors).n == 2


def test_faults_say_what_is_wrong() -> None:
    errors = pd.DataFrame(np.diag([1000] * 3), CLASSES, CLASSES)
    with pytest.raises(ValueError, match="there is nothing to count"):
        corrected_share(pd.Series(["unknown"]), errors)
    with pytest.raises(ValueError, match="'angry' is not a class of the error matrix. Found: negative, neutral"):
        corrected_share(pd.Series(["negative"]), errors, "angry")
    with pytest.raises(ValueError, match="no held-out text that is truly neutral"):
        corrected_share(pd.Series(["negative"]), errors.assign(neutral=0))
    with pytest.raises(ValueError, match="same shares whatever the true class is"):
        corrected_share(pd.Series(["negative"]), pd.DataFrame(50, CLASSES, CLASSES))
    with pytest.raises(ValueError, match="same classes as index"):
        corrected_share(pd.Series(["negative"]), errors.iloc[:2])


def test_fewer_labels_than_false_ones_alone_would_make_leave_room_for_easier_texts():
    errors = pd.DataFrame([[80, 20], [10, 90]], ["negative", "other"], ["negative", "other"])
    rare = corrected_share(pd.Series(["negative"] * 30 + ["other"] * 970), errors)
    assert rare.value == pytest.approx(0, abs=1e-6)
    assert rare.low == 0 and rare.high == pytest.approx(wilson_bounds(0.03, 1000)[1] / 0.8)
    most = corrected_share(pd.Series(["negative"] * 970 + ["other"] * 30), errors)
    assert most.value == pytest.approx(1, abs=1e-6) and most.high == pytest.approx(1)
    assert most.low == pytest.approx(1 - wilson_bounds(0.03, 1000)[1] / 0.9)


def test_several_texts_of_one_person_widen_a_corrected_share_and_n_counts_people():
    errors = pd.DataFrame([[800, 200], [200, 800]], ["negative", "other"], ["negative", "other"])
    labels = pd.Series((["negative"] * 5 + ["other"] * 5) * 10)
    alone = corrected_share(labels, errors)
    assert corrected_share(labels, errors, clusters=pd.Series(range(100))) == alone
    shared = corrected_share(labels, errors, clusters=pd.Series(np.arange(100) // 5))
    assert shared.n == 20
    assert shared.value == pytest.approx(alone.value)
    assert shared.high - shared.low > 1.5 * (alone.high - alone.low)
