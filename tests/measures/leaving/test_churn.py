"""The model of leaving recovers the demo's planted truths, finds nothing in noise, and refuses what it cannot know."""

import json
import pickle
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from analytics.config import Costs
from analytics.measures.leaving import churn
from analytics.measures.leaving.churn import ChurnRiskModel, LeakageError, TooFewLeaversError
from analytics.measures.leaving.churn_views import (
    OTHERWISE,
    REASONS,
    SAID,
    SILENT,
    compare_listening,
    fairness,
    leaving_by,
    rank_customers,
    worth_calling,
)
from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
from analytics.measures.leaving.leakage import leakage_report
from analytics.tables.schema import NotMeasured, Tables


@pytest.fixture(scope="module")
def comments(demo) -> pd.DataFrame:
    """The comments as a scorer without error would read them."""
    tables, truth = demo
    written = tables.surveys.set_index("response_id").loc[truth.comments.index]
    polarity = truth.comments["polarity"].to_numpy()
    negative = polarity == "negative"
    themes = [[theme] if theme and bad else [] for theme, bad in zip(truth.comments["theme"], negative, strict=True)]
    return pd.DataFrame(
        {
            "customer_id": written["customer_id"].to_numpy(), "at": written["responded_at"].to_numpy(),
            "sentiment": np.where(polarity == "", "unknown", polarity),
            "valence": np.select([negative, polarity == "positive"], [-0.9, 0.9], 0.0),
            "churn_intent": np.where(truth.comments["leaving"], 0.9, 0.1), "negative_themes": themes,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def features(demo, comments) -> pd.DataFrame:
    return build_customer_features(demo[0], choose_cutoffs(demo[0]), comments)


@pytest.fixture(scope="module")
def model(features) -> ChurnRiskModel:
    return ChurnRiskModel().fit(features)


@pytest.fixture(scope="module")
def shuffled(demo) -> pd.DataFrame:
    """The demo with its times of leaving dealt out anew: nothing relates to them."""
    tables, _ = demo
    customers = tables.customers.copy()
    customers["left_at"] = customers["left_at"].sample(frac=1, random_state=0).to_numpy()
    moved = Tables(contacts=tables.contacts, surveys=tables.surveys, customers=customers)
    return build_customer_features(moved, choose_cutoffs(moved, most=4))


@pytest.fixture(scope="module")
def listening(features, model):
    return compare_listening(model, features)


def some_features(leavers, customers=400, cutoffs=3, seed=0):
    """Cut-offs of customers with one honest feature; `leavers` of them leave after each."""
    rng = np.random.default_rng(seed)
    left = np.tile(np.arange(customers) < leavers, cutoffs)
    frame = pd.DataFrame({"customer_id": np.arange(cutoffs * customers).astype(str)})
    frame["cutoff"] = np.repeat(pd.date_range("2025-01-01", periods=cutoffs, freq="90D", tz="UTC"), customers)
    return frame.assign(account_tenure_days=rng.normal(900 - 300 * left, 300), left_within=left)


def test_the_model_ranks_leavers_as_well_as_the_hidden_causes_allow(model):
    auc, tenure = model.evaluation_["auc"], model.baseline_["auc"]
    assert auc.low > 0.53 and 0.57 < auc.value < 0.72
    assert tenure.low < 0.53 and tenure.high > 0.47  # tenure relates to nothing here
    assert model.evaluation_["top_decile_lift"].low > 1.5


def test_its_probabilities_fit_what_happened_on_the_last_cut_off(model):
    assert model.calibrated_
    assert model.evaluation_["calibration_error"].value <= 0.05
    table = model.calibration()
    assert table["n"].sum() == len(model.test_)
    inside = (table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])
    assert inside.sum() >= 5
    assert model.test_["risk"].mean() == pytest.approx(model.test_["left"].mean(), rel=0.35)


def test_it_learns_calibrates_and_is_judged_on_later_and_later_customers(model):
    days = pd.Timedelta(days=90) - pd.Timedelta(seconds=1)
    cutoffs = model.cutoffs_
    assert max(cutoffs["training"]) + days <= cutoffs["calibration"]
    assert cutoffs["calibration"] + days <= cutoffs["test"]
    assert len(cutoffs["training"]) == 4


def test_overlapping_horizons_never_reach_into_the_later_part():
    frame = some_features(30, cutoffs=12)
    frame["cutoff"] = np.repeat(pd.date_range("2025-01-01", periods=12, freq="30D", tz="UTC"), 400)
    cutoffs = ChurnRiskModel().fit(frame).cutoffs_
    dates = [f"{c:%Y-%m-%d}" for c in (max(cutoffs["training"]), cutoffs["calibration"], cutoffs["test"])]
    assert dates == ["2025-05-31", "2025-08-29", "2025-11-27"]


def test_it_is_a_scikit_learn_classifier(model, features):
    probability = model.predict_proba(features.tail(50))
    assert probability.shape == (50, 2)
    assert probability.sum(axis=1) == pytest.approx(np.ones(50))
    assert model.classes_.tolist() == [False, True]
    assert clone(model).get_params() == model.get_params()


def test_the_planted_leak_stops_the_run(demo, comments):
    tables, truth = demo
    leak = truth.leak_columns[0]
    leaky = build_customer_features(tables, choose_cutoffs(tables, most=3), comments, further=[leak, "region"])
    with pytest.raises(LeakageError, match=f"1 column knows who left.*\n- account_{leak}: ") as refusal:
        ChurnRiskModel().fit(leaky)
    assert refusal.value.report["column"].tolist() == [f"account_{leak}"]
    extra = tables.customers[["region", leak]]
    assert leakage_report(extra, tables.customers["left_at"])["column"].tolist() == [leak]


def test_fewer_than_fifty_leavers_give_no_model_and_say_how_many_are_needed():
    with pytest.raises(TooFewLeaversError, match="48 customers left within 90 days .* at least 50 are needed"):
        ChurnRiskModel().fit(some_features(16))
    assert ChurnRiskModel().fit(some_features(20)).counts_["leavers"].sum() == 60


def test_a_part_without_leavers_gives_no_model():
    frame = some_features(60)
    last = frame["cutoff"] == frame["cutoff"].max()
    frame.loc[last, "left_within"] = frame[last].index % 50 == 0
    with pytest.raises(TooFewLeaversError, match="8 customers left after the test cut-offs, and at least 10"):
        ChurnRiskModel().fit(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"cutoff": pd.Timestamp("2025-01-01", tz="UTC")},
            "three cut-offs at least 90 days apart .* Found: 2025-01-01",
        ),
        ({"account_first": pd.Timestamp("2024-01-01")}, "column account_first holds stamps"),
        ({"left_within": "yes"}, "expected True and False, 1 and 0, or stamps"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_way_out(change, message):
    frame = some_features(60).assign(**change)
    if "account_first" in change:
        frame["account_first"] += pd.to_timedelta(np.arange(len(frame)) % 40, "D")
    with pytest.raises(ValueError, match=message):
        ChurnRiskModel().fit(frame)


def test_times_of_leaving_serve_as_the_outcome():
    frame = some_features(60)
    gone = (frame["cutoff"] + pd.Timedelta(days=30)).where(frame["left_within"])
    one, two = (ChurnRiskModel().fit(frame, left) for left in (None, gone))
    assert one.evaluation_ == two.evaluation_


def test_without_a_relation_the_model_is_no_better_than_chance(shuffled):
    model = ChurnRiskModel().fit(shuffled)
    auc = model.evaluation_["auc"]
    assert auc.low <= 0.5 <= auc.high


def test_probabilities_that_do_not_fit_are_called_ranks_only():
    """Half as many leave after the last cut-off: order stays, level is wrong."""
    frame = some_features(150)
    last = frame["cutoff"] == frame["cutoff"].max()
    keep = ~last | ~frame["left_within"] | (frame.index % 6 == 0)
    model = ChurnRiskModel().fit(frame[keep].reset_index(drop=True))
    assert model.evaluation_["auc"].low > 0.6
    assert not model.calibrated_
    calls = rank_customers(model, frame[last], Costs())
    assert calls["risk"].isna().all()
    assert len(calls) == 40  # the tenth with the highest risk


def test_listening_adds_little_in_the_demo(listening):
    assert listening.internal.low > 0.52
    assert -0.02 < listening.gain.value < 0.03
    assert listening.gain.value == pytest.approx(listening.both.value - listening.internal.value)
    assert listening.gain.high - listening.gain.low < listening.both.high - listening.both.low  # paired
    assert 0.3 < listening.heard.value < 0.45


def test_listening_needs_both_kinds_of_features():
    with pytest.raises(NotMeasured, match="no feature of perception, needed for what listening adds"):
        compare_listening(ChurnRiskModel().fit(some_features(60)), some_features(60))


def test_said_and_silent_add_up_to_all_customers_and_leavers(model, features):
    table = leaving_by(model, features).set_index("group")
    assert table.index.tolist() == [SAID, OTHERWISE, SILENT]
    assert table["customers"].sum() == len(model.test_)
    assert table["left"].sum() == model.test_["left"].sum()
    # said-leaving are at higher risk and found more often; most leavers are silent all the same
    assert table.loc[SAID, "low"] > table.loc[SILENT, "high"]
    assert table.loc[SAID, "found_low"] > table.loc[SILENT, "found_high"]
    assert table.loc[SILENT, "left"] > table["left"].sum() / 2
    assert (table["value_at_risk"] > 0).all()


def test_leaving_by_answer_counts_each_customer_once(model, features):
    table = leaving_by(model, features, "answers")
    assert table["n"].sum() == len(model.test_)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_the_call_list_holds_ids_and_true_reasons_and_pays(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    costs = Costs(retention_contact=12, share_saved=0.2, years_kept=1)
    calls = rank_customers(model, now, costs)
    assert calls.columns.tolist() == ["rank", "customer_id", "risk", "expected_gain", "reasons"]
    assert calls["expected_gain"].gt(0).all() and calls["expected_gain"].is_monotonic_decreasing
    value = now.set_index("customer_id")["account_value_per_year"][calls["customer_id"]].to_numpy()
    assert calls["expected_gain"].to_numpy() == pytest.approx(calls["risk"].to_numpy() * value * 0.2 - 12)
    assert calls["reasons"].str.len().between(1, 3).mean() > 0.99
    rows = now.set_index("customer_id").loc[calls["customer_id"]]
    for first, reason in REASONS.items():
        named = np.array([first in reasons for reasons in calls["reasons"]])
        least, most = reason.get("at_least", -np.inf), reason.get("at_most", np.inf)
        assert rows[first].astype(float).between(least, most).to_numpy()[named].all(), first
    for common in ("perception_complaints", "operations_reopens"):
        assert np.mean([common in reasons for reasons in calls["reasons"]]) > 0.1, common
    assert set().union(*calls["reasons"]) <= set(REASONS)


def test_a_dearer_call_shortens_the_list(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    lengths = [len(rank_customers(model, now, Costs(retention_contact=c))) for c in (0, 10, 30, 10_000)]
    assert lengths[0] > lengths[1] > lengths[2] > lengths[3] == 0


def test_a_reason_that_few_share_is_not_named(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    named = set().union(*rank_customers(model, now, Costs(), k=10)["reasons"])
    share = {r: int((now[r].astype(float) >= REASONS[r]["at_least"]).sum()) for r in named if "at_least" in REASONS[r]}
    rare = min(share, key=share.__getitem__)
    assert rare in set().union(*rank_customers(model, now, Costs(), k=share[rare])["reasons"])
    assert rare not in set().union(*rank_customers(model, now, Costs(), k=share[rare] + 1)["reasons"])


def test_customers_are_ranked_at_one_moment(model, features):
    with pytest.raises(ValueError, match="a customer occurs twice"):
        rank_customers(model, features, Costs())


def test_error_rates_by_segment_count_every_leaver_and_stayer_once(model, features):
    table = fairness(model, features)
    n = table.groupby("measure")["n"].sum()
    assert n["missed"] == model.test_["left"].sum()
    assert n.sum() == len(model.test_)


def test_error_rates_between_made_up_segments_seldom_differ(model, features):
    rng = np.random.default_rng(5)
    flags = [fairness(model, features.assign(team=rng.choice(list("abcd"), len(features))), by="team")["differs"].any()
             for _ in range(20)]  # fmt: skip
    assert sum(flags) <= 3


def test_fairness_needs_the_segment(model, features):
    with pytest.raises(NotMeasured, match=r"no column plan \(table customers\), needed for fairness"):
        fairness(model, features, by="account_plan")


def test_what_raises_a_risk_adds_up_to_it(model, features):
    rows = features.tail(300)
    raised = model.contributions(rows)
    odds = np.log(model.predict_proba(rows)[:, 1] / model.predict_proba(rows)[:, 0])
    above = raised.sum(axis=1).to_numpy()
    assert odds - above == pytest.approx(np.full(len(rows), (odds - above)[0]))  # the typical customer's
    assert set(raised) == set(model.columns_)


def test_whom_to_call_is_the_same_with_and_without_the_reasons(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    calls = worth_calling(model, now, Costs())
    pd.testing.assert_frame_equal(calls, rank_customers(model, now, Costs()).drop(columns="reasons"))


def test_a_saved_model_gives_the_same_risks(tmp_path, model, features):
    model.save(tmp_path / "leaving.json")
    again = ChurnRiskModel.load(tmp_path / "leaving.json")
    rows = features.tail(200)
    assert again.predict_proba(rows) == pytest.approx(model.predict_proba(rows))
    assert again.evaluation_ == model.evaluation_ and again.baseline_ == model.baseline_
    assert again.counts_.to_dict() == model.counts_.to_dict()
    assert all(
        list(np.atleast_1d(again.cutoffs_[part])) == list(np.atleast_1d(at)) for part, at in model.cutoffs_.items()
    )
    assert b"C00" not in (tmp_path / "leaving.json").read_bytes()  # no customer's id


def test_a_changed_or_foreign_file_is_not_loaded(tmp_path, model):
    path = tmp_path / "leaving.json"
    model.save(path)
    whole = path.read_bytes()
    for place in range(60, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="not a whole model of leaving"):
            ChurnRiskModel.load(path)
    for strange in (b"", b"[]", b"{}", b'{"state": "{}"}', b"[" * 100_000, pickle.dumps(model.weights_)):
        path.write_bytes(strange)
        with pytest.raises(ValueError, match="not a whole model of leaving"):
            ChurnRiskModel.load(path)


@pytest.mark.parametrize("part", ["evaluation_", "cutoffs_", "weights_"])
@pytest.mark.parametrize("odd", [None, 5, "x", [[1]]])
def test_a_file_with_the_right_hash_of_a_crafted_model_is_not_loaded(tmp_path, model, part, odd):
    path = tmp_path / "leaving.json"
    model.save(path)
    state = json.dumps(json.loads(json.loads(path.read_text())["state"]) | {part: odd})
    path.write_text(json.dumps(churn._stamp(state) | {"state": state}))
    with pytest.raises(ValueError, match="not a whole model of leaving"):
        ChurnRiskModel.load(path)


def test_a_file_of_types_that_would_run_a_command_is_refused_before_it_runs(tmp_path):
    """A zip in the form of skops: scikit-learn's own name for a subprocess, called with arguments when it is read."""
    ran = tmp_path / "ran"
    words = [{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "__id__": i, "is_json": True,
              "content": json.dumps(word)} for i, word in enumerate(["touch", str(ran)])]  # fmt: skip
    command = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 8, "content": words}
    arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "__id__": 9,
                 "content": [command]}  # fmt: skip
    schema = {"__class__": "check_output", "__module__": "sklearn.utils._testing", "__id__": 10, "protocol": 2,
              "__loader__": "ConstructorFromReduceNode", "content": arguments, "_skops_version": "0.16.0"}  # fmt: skip
    with ZipFile(tmp_path / "crafted.skops", "w") as file:
        file.writestr("schema.json", json.dumps(schema))
    with pytest.raises(ValueError, match="not a whole model of leaving"):
        ChurnRiskModel.load(tmp_path / "crafted.skops")
    assert not ran.exists()


def test_a_model_that_learnt_nothing_says_so(features):
    with pytest.raises(NotFittedError):
        ChurnRiskModel().predict(features)


@pytest.mark.parametrize("held", ["bool[pyarrow]", object])
def test_whatever_holds_the_outcome_it_is_read(features, model, held):
    again = ChurnRiskModel().fit(features, features["left_within"].astype(held))
    np.testing.assert_array_equal(again.predict_proba(features), model.predict_proba(features))
