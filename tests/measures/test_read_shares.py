"""Shares checked by readings: any classifier, few readings, and sets of texts that were read elsewhere."""

import numpy as np
import pandas as pd
import pytest

from analytics.measures.intervals import wilson_bounds
from analytics.measures.read_shares import share_alike, share_with_earlier_readings, share_with_readings
from analytics.training.set_errors import fit_set_errors

CLASSIFIERS = {  # rate of labels among texts that readers do and do not name
    "faultless": (1.0, 0.0),
    "good": (0.85, 0.03),
    "blind to half": (0.5, 0.0),
    "too ready": (1.0, 0.2),
    "useless": (0.3, 0.3),
    "adverse": (0.2, 0.6),
}
REFERENCE = {  # (read, texts, named, missed, false, labelled of the unread) -> ppi_py 0.2.3, power tuned, normal limits
    (150, 1600, 30, 5, 6, 330): (0.21359, 0.17005, 0.25713),
    (400, 2000, 40, 10, 8, 150): (0.09923, 0.07732, 0.12114),
    (50, 1000, 15, 3, 2, 290): (0.31768, 0.23186, 0.40349),
    (150, 900, 60, 25, 20, 300): (0.41006, 0.33617, 0.48396),
}


def texts(read, every, named, missed, false, labelled):
    """Predictions of all texts and readings of the first, by counts."""
    truth = np.r_[np.ones(named), np.zeros(read - named)]
    seen = np.r_[np.zeros(missed), np.ones(named - missed + false), np.zeros(read - named - false)]
    unread = np.r_[np.ones(labelled), np.zeros(every - read - labelled)]
    return pd.Series(np.r_[seen, unread]), pd.Series(truth)


@pytest.mark.parametrize("counts", REFERENCE)
def test_the_share_is_that_of_the_reference_implementation(counts):
    share = share_with_readings(*texts(*counts))
    value, low, high = REFERENCE[counts]
    assert share.value == pytest.approx(value, abs=0.001)
    assert (share.low, share.high) == pytest.approx((low, high), abs=0.015)  # these bounds respect 0 and 1


@pytest.mark.parametrize("n", [50, 150, 400])
def test_the_interval_holds_the_share_whatever_the_classifier_errs(n):
    held = {}
    for name, (hits, false) in CLASSIFIERS.items():
        for share in (0.03, 0.3):
            rng = np.random.default_rng(1)
            inside = []
            for _ in range(80):
                truth = rng.random(900) < share
                pred = rng.random(900) < np.where(truth, hits, false)
                found = share_with_readings(pd.Series(pred), pd.Series(truth[:n].astype(float)))
                inside.append(found.low <= share <= found.high)
            held[name, share] = np.mean(inside)
    assert min(held.values()) >= 0.85, held  # 80 draws at 94 %: more than three standard errors
    assert np.mean(list(held.values())) >= 0.94


MOVES = [(0.03, 0.03), (0.03, 0.08), (0.1, 0.2), (0.2, 0.1)]  # share when texts were read, and now


@pytest.mark.parametrize("n", [50, 150, 400])
def test_earlier_readings_hold_the_share_of_now_though_it_moved_whatever_the_classifier_errs(n):
    held = {}
    for name, (hits, false) in CLASSIFIERS.items():
        for before, share in MOVES:
            rng, inside = np.random.default_rng(2), []
            for _ in range(60):
                truth, today = rng.random(n) < before, rng.random(600) < share
                seen = rng.random(n) < np.where(truth, hits, false)
                now = rng.random(600) < np.where(today, hits, false)
                found = share_with_earlier_readings(pd.Series(now), pd.Series(seen), pd.Series(truth.astype(float)))
                inside.append(found.low <= share <= found.high)
            held[name, before, share] = np.mean(inside)
    assert min(held.values()) >= 0.83, held  # 60 draws at 94 %: more than three standard errors
    assert np.mean(list(held.values())) >= 0.94


def test_earlier_readings_hold_the_share_where_only_the_mix_of_texts_moved():
    """Of texts with the label 70 % are named whenever they come, of the others 5 %; labels grow from 20 to 45 %."""
    rng, inside = np.random.default_rng(4), []
    for _ in range(200):
        seen, now = rng.random(150) < 0.2, rng.random(600) < 0.45
        read = rng.random(150) < np.where(seen, 0.7, 0.05)
        found = share_with_earlier_readings(pd.Series(now), pd.Series(seen), pd.Series(read.astype(float)))
        inside.append(found.low <= 0.45 * 0.7 + 0.55 * 0.05 <= found.high)
    assert np.mean(inside) >= 0.92


def test_a_classifier_that_tells_nothing_cannot_vouch_for_earlier_readings():
    rng = np.random.default_rng(5)
    read = pd.Series((rng.random(150) < 0.2).astype(float))
    found = share_with_earlier_readings(pd.Series(rng.random(600) < 0.3), pd.Series(rng.random(150) < 0.3), read)
    assert found.high - found.low > 0.5


def test_texts_drawn_from_the_same_kinds_are_alike_and_others_are_not():
    rng, kinds = np.random.default_rng(6), [f"kind {k}" for k in range(18)]
    same = [share_alike(*(pd.Series(rng.choice(kinds, n)) for n in (500, 120))) for _ in range(50)]
    assert min(same) > 0.85 and np.mean(same) > 0.95
    other = np.r_[np.full(9, 0.01), np.full(9, 0.91 / 9)]
    moved = share_alike(pd.Series(rng.choice(kinds, 500)), pd.Series(rng.choice(kinds, 150, p=other)))
    assert moved < 0.75


def test_it_is_never_wider_than_the_readings_alone_and_narrower_where_the_labels_help():
    rng = np.random.default_rng(2)
    for name, (hits, false) in CLASSIFIERS.items():
        ratios = []
        for share in (0.02, 0.1, 0.3, 0.6):
            truth = rng.random(2000) < share
            pred, read = rng.random(2000) < np.where(truth, hits, false), truth[:150].astype(float)
            found = share_with_readings(pd.Series(pred), pd.Series(read))
            low, high = wilson_bounds(read.mean(), 150)
            assert found.high - found.low <= high - low + 0.005, (name, share)
            ratios.append((found.high - found.low) / (high - low))
        if name in ("faultless", "good"):
            assert np.mean(ratios) < 0.85, name


def test_a_few_readings_without_a_fault_are_no_proof_of_a_faultless_classifier():
    pred, read = texts(50, 3000, 1, 0, 0, 60)
    share = share_with_readings(pred, read)
    assert share.high > 0.06  # one named text in fifty may be a classifier that misses half


def test_probabilities_count_and_order_does_not():
    rng = np.random.default_rng(3)
    truth = rng.random(1000) < 0.3
    pred = pd.Series(np.clip(0.3 + 0.4 * (truth - 0.3) + rng.normal(0, 0.1, 1000), 0, 1))
    read = pd.Series(truth[:200].astype(float))
    share, turned = share_with_readings(pred, read), share_with_readings(pred[::-1], read[::-1])
    assert share.low < 0.3 < share.high
    assert share.high - share.low < 0.11  # the readings alone: .125
    assert turned.value == pytest.approx(share.value, abs=1e-12) and share.n == 200


def test_readings_alone_speak_where_all_was_read_or_the_labels_never_differ():
    read = pd.Series([1.0] * 20 + [0.0] * 80)
    assert share_with_readings(read, read).value == 0.2
    assert share_with_readings(pd.Series(np.zeros(500)), read).value == 0.2
    assert share_with_readings(pd.Series([np.nan] * 10 + [0.0] * 200), read).n == 90  # what no model could read


def test_faults_of_readings_say_what_to_do():
    pred = pd.Series([1, 0, 1])
    with pytest.raises(ValueError, match="no text was read. Read a random sample"):
        share_with_readings(pred, pd.Series([np.nan] * 3))
    with pytest.raises(ValueError, match="a reading is 2. Expected 0, 1"):
        share_with_readings(pred, pd.Series([2, 0, 1]))
    with pytest.raises(ValueError, match="lies outside 0 to 1"):
        share_with_readings(pred * 3, pd.Series([1]))
    with pytest.raises(ValueError, match="1 texts were read that `pred` does not hold"):
        share_with_readings(pred, pd.Series([1], index=[9]))
    with pytest.raises(ValueError, match="an index occurs twice"):
        share_with_readings(pd.Series([1, 0], index=[0, 0]), pd.Series([1]))


LABELS = [f"theme {i}" for i in range(16)]


def world(rng, sets=6, spread=0.08, slope=0.8, read=150):
    """Sets of texts whose counts are off by a line, a shift for each label and an error for each set."""
    shift = dict(zip(LABELS, rng.normal(0, 0.05, len(LABELS)), strict=True))
    rows = []
    for number in range(sets):
        for label in LABELS:
            counted = rng.beta(1, 12)
            angle = 0.05 + slope * np.arcsin(np.sqrt(counted)) + shift[label] + rng.normal(0, spread)
            true = np.sin(np.clip(angle, 0, np.pi / 2)) ** 2
            rows.append((f"set {number}", label, rng.binomial(read, true), read, counted, true))
    return pd.DataFrame(rows, columns=["set", "label", "named", "read", "counted", "true"])


@pytest.mark.parametrize("spread", [0.03, 0.08, 0.15])
def test_the_interval_holds_the_share_of_a_set_that_was_not_read(spread):
    rng = np.random.default_rng(4)
    held, distance, of_counts = [], [], []
    for _ in range(12):
        every = world(rng, sets=7, spread=spread)
        errors = fit_set_errors(every[every["set"] != "set 6"])
        for row in every[every["set"] == "set 6"].to_dict("records"):
            share, method, *_ = errors.share(row["counted"], 5000, row["label"])
            if method != "not known":
                held.append(share.low <= row["true"] <= share.high)
                distance.append(abs(share.value - row["true"]))
                of_counts.append(abs(row["counted"] - row["true"]))
    assert len(held) > 100 and np.mean(held) >= 0.92
    assert np.mean(distance) < np.mean(of_counts) + 0.002


def test_an_interval_is_as_wide_as_the_sets_differ():
    widths = []
    for spread in (0.01, 0.05, 0.1):
        errors = fit_set_errors(world(np.random.default_rng(5), spread=spread, read=2000))
        shares = [errors.share(0.08, 5000, label).estimate for label in LABELS]
        widths.append(np.nanmedian([share.high - share.low for share in shares]))
    assert widths == sorted(widths) and widths[-1] > 2 * widths[0]


def test_a_share_open_by_more_than_fifteen_points_is_not_known():
    rows = [(name, "waiting", named, 100, 0.3) for name, named in zip("abcdef", (5, 20, 35, 50, 65, 80), strict=True)]
    share, method, *_ = fit_set_errors(pd.DataFrame(rows, columns=["set", "label", "named", "read", "counted"])).share(
        0.3, 400, "waiting"
    )
    assert method == "not known" and np.isnan([share.value, share.low, share.high]).all() and share.n == 400


def test_counts_that_readers_confirmed_everywhere_stand_as_counted():
    rows = [(name, label, 20, 100, 0.2) for name in "abcdef" for label in LABELS]
    errors = fit_set_errors(pd.DataFrame(rows, columns=["set", "label", "named", "read", "counted"]))
    share, method, *_ = errors.share(0.3, 400, LABELS[0])
    assert method == "counted" and share.value == pytest.approx(0.3)
    low, high = wilson_bounds(0.3, 400)
    assert share.low < low + 0.01 and share.high > high - 0.01


def test_none_counted_among_few_is_not_none_for_certain():
    errors = fit_set_errors(world(np.random.default_rng(6), spread=0.01))
    share, *_ = errors.share(0.0, 20, LABELS[0])
    assert share.high >= wilson_bounds(0.0, 20)[1]


def test_faults_of_sets_say_what_is_wrong():
    sets = world(np.random.default_rng(7))
    with pytest.raises(ValueError, match="needs three sets with each label. Found: 'theme 0' in 2"):
        fit_set_errors(sets[sets["set"].isin(["set 0", "set 1"])])
    with pytest.raises(ValueError, match="'gossip' was not read anywhere. Found: theme 0"):
        fit_set_errors(sets).share(0.1, 100, "gossip")
    with pytest.raises(ValueError, match="no text, so no share"):
        fit_set_errors(sets).share(0.1, 0, "theme 0")
