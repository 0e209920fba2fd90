"""The model of leaving recovers the demo's planted truths, finds nothing in noise, and refuses what it cannot know."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from analytics.config import Costs
from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.leaving.churn import ChurnRiskModel, LeakageError, TooFewLeaversError
from analytics.measures.leaving.churn_views import (
    OTHERWISE,
    REASONS,
    SAID,
    SILENT,
    _listening_sentence,
    compare_listening,
    describe_model,
    fairness,
    leaving_by_answer,
    rank_customers,
    said_and_silent,
    write_call_list,
)
from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
from analytics.measures.leaving.leakage import leakage_report
from analytics.measures.leaving.leavers import estimate_silent_leavers
from analytics.measures.leaving.survival import HANDLE_TIME, hazard_ratios, leaving_after_complaint
from analytics.publish.claims import check_claims
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
    return compare_listening(features, model=model)


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
    assert f"tenure alone in {tenure.value:.0%}" in model.sentence_


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
    cutoffs = ChurnRiskModel(kind="logistic").fit(frame).cutoffs_
    found = [f"{c:%Y-%m-%d}" for c in (max(cutoffs["training"]), cutoffs["calibration"], cutoffs["test"])]
    assert found == ["2025-05-31", "2025-08-29", "2025-11-27"]


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
    assert ChurnRiskModel(kind="logistic").fit(some_features(20)).counts_["leavers"].sum() == 60


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
    one, two = (ChurnRiskModel(kind="logistic").fit(frame, left) for left in (None, gone))
    assert one.evaluation_ == two.evaluation_


def test_without_a_relation_the_model_is_no_better_than_chance_and_says_so(shuffled):
    model = ChurnRiskModel().fit(shuffled)
    auc = model.evaluation_["auc"]
    assert auc.low <= 0.5 <= auc.high
    assert "no better than chance" in model.sentence_
    assert check_claims(model.sentence_, [auc]) == []


def test_probabilities_that_do_not_fit_are_called_ranks_only():
    """Half as many leave after the last cut-off: order stays, level is wrong."""
    frame = some_features(150)
    last = frame["cutoff"] == frame["cutoff"].max()
    keep = ~last | ~frame["left_within"] | (frame.index % 6 == 0)
    model = ChurnRiskModel(kind="logistic").fit(frame[keep].reset_index(drop=True))
    assert model.evaluation_["auc"].low > 0.6
    assert not model.calibrated_
    assert "it only ranks" in model.sentence_
    calls = rank_customers(model, frame[last], Costs())
    assert calls["risk"].isna().all()
    assert len(calls) == 40  # the tenth with the highest risk


def test_listening_adds_little_in_the_demo_and_the_sentence_says_how_little(listening):
    assert 0.52 < listening.perception.low < listening.internal.value
    assert -0.02 < listening.gain.value < 0.03
    assert listening.gain.value == pytest.approx(listening.both.value - listening.internal.value)
    assert listening.gain.high - listening.gain.low < listening.both.high - listening.both.low  # paired
    assert 0.3 < listening.heard.value < 0.45
    assert f"{100 * listening.gain.value:+.1f} points".replace("-", "−") in listening.sentence


@pytest.mark.parametrize(("low", "high", "says"), [(0.001, 0.02, "helps"), (-0.01, 0.02, "cannot tell"), (-0.03, -0.01, "does not help")])  # fmt: skip  # noqa: E501
def test_the_sentence_about_listening_claims_no_more_than_the_interval(low, high, says):
    auc, gain = Estimate(0.67, 0.64, 0.7, 900, "share", OBSERVED), (low + high) / 2
    gain = Estimate(gain, low, high, 900, "share", OBSERVED)
    sentence = _listening_sentence(auc, auc, gain, Estimate(0.36, 0.35, 0.37, 900, "share", OBSERVED))
    assert says in sentence
    assert check_claims(sentence, [gain, auc]) == []


def test_listening_needs_both_kinds_of_features():
    with pytest.raises(NotMeasured, match="no feature of perception, needed for what listening adds"):
        compare_listening(some_features(60))


def test_said_and_silent_add_up_to_all_customers_and_leavers(model, features):
    table = said_and_silent(model, features).set_index("group")
    assert table.index.tolist() == [SAID, OTHERWISE, SILENT]
    assert table["customers"].sum() == len(model.test_)
    assert table["left"].sum() == model.test_["left"].sum()
    assert (table["left"] + table["stayed"] == table["customers"]).all()
    # said-leaving are at higher risk and found more often; most leavers are silent all the same
    assert table.loc[SAID, "low"] > table.loc[SILENT, "high"]
    assert table.loc[SAID, "found_low"] > table.loc[SILENT, "found_high"]
    assert table.loc[SILENT, "left"] > table["left"].sum() / 2
    assert (table["value_at_risk"] > 0).all()


def test_the_interval_of_silent_leavers_holds_the_true_share(demo):
    tables, truth = demo
    found = estimate_silent_leavers(tables)
    assert found.share.low <= truth.silent_leaver_share <= found.share.high


def test_a_customer_on_two_rows_is_refused_where_leavers_are_counted() -> None:
    customers = pd.DataFrame({"customer_id": ["a", "a"], "left_at": pd.to_datetime(["2025-03-01", None])})
    complaints = pd.DataFrame(
        {"complaint_id": ["1"], "customer_id": ["a"], "received_at": pd.to_datetime(["2025-02-01"])}
    )
    with pytest.raises(ValueError, match="on more than one row"):
        estimate_silent_leavers(Tables(customers=customers, complaints=complaints))


def test_leaving_by_answer_counts_each_customer_once(model, features):
    table = leaving_by_answer(model, features)
    assert table["n"].sum() == len(model.test_)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_the_planted_causes_of_leaving_rank_first_and_handle_time_does_not(demo, features):
    table = hazard_ratios(features, demo[0]).set_index("cause")
    assert table.index[0] in {"complained in the last quarter", "came back about a closed case"}
    for cause in ("complained in the last quarter", "came back about a closed case", "wrote that they may leave"):
        assert table.loc[cause, "low"] > 1, cause
    assert abs(np.log(table.loc[HANDLE_TIME, "value"])) < 0.1


def test_a_gesture_without_a_fix_goes_together_with_leaving(demo):
    curves, ratios = leaving_after_complaint(demo[0])
    ratios = ratios.set_index("cause")
    assert 1 < ratios.loc["gesture, not fixed", "low"] < np.exp(demo[1].hazard["gesture_without_fix"])
    assert ratios.loc["fixed, gesture", "value"] < 1.4 < ratios.loc["gesture, not fixed", "value"]
    last = curves.groupby("group").tail(1).set_index("group")
    assert last.loc["gesture, not fixed", "high"] < last.loc["fixed, no gesture", "low"]


def test_the_survival_curve_by_hand():
    """Four complaints, one leaver after 10 and one after 20 days: 3/4, then 1/2 still customers."""
    ids = ["a", "b", "c", "d"]
    complaints = pd.DataFrame({"complaint_id": ids, "customer_id": ids, "received_at": pd.Timestamp("2025-01-01"),
                               "remedy": ["none", "none", "full", "full"], "goodwill_value": 0.0})  # fmt: skip
    left = pd.to_datetime(["2025-01-11", None, "2025-01-21", None])
    tables = Tables(complaints=complaints, customers=pd.DataFrame({"customer_id": ids, "left_at": left}))
    curves, _ = leaving_after_complaint(tables, until=pd.Timestamp("2025-06-01"))
    assert curves[["group", "day", "value"]].values.tolist() == [
        ["not fixed, no gesture", 10.0, 0.5], ["fixed, no gesture", 20.0, 0.5],
    ]  # fmt: skip


def test_the_call_list_holds_ids_and_true_reasons_and_pays(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    costs = Costs(retention_contact=12, share_saved=0.2, years_kept=1)
    calls = rank_customers(model, now, costs, most=10_000)
    assert calls.columns.tolist() == ["rank", "customer_id", "risk", "expected_gain", "reasons"]
    assert calls["expected_gain"].gt(0).all() and calls["expected_gain"].is_monotonic_decreasing
    value = now.set_index("customer_id")["account_value_per_year"][calls["customer_id"]].to_numpy()
    assert calls["expected_gain"].to_numpy() == pytest.approx(calls["risk"].to_numpy() * value * 0.2 - 12)
    assert calls["reasons"].str.split("; ").str.len().between(1, 3).mean() > 0.99
    rows = now.set_index("customer_id").loc[calls["customer_id"]]
    for reason in REASONS:
        told = calls["reasons"].str.split("; ").map(lambda told, words=reason.words: words in told).to_numpy()
        assert rows[reason.columns[0]].astype(float).between(reason.at_least, reason.at_most).to_numpy()[told].all()
    for words in ("complained in the past year", "came back about a case we had closed"):
        assert calls["reasons"].str.contains(words, regex=False).mean() > 0.1, words
    assert not calls["reasons"].str.contains("handle").any()


def test_a_dearer_call_shortens_the_list(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    lengths = [len(rank_customers(model, now, Costs(retention_contact=c), most=20_000)) for c in (0, 10, 30, 10_000)]
    assert lengths[0] > lengths[1] > lengths[2] > lengths[3] == 0


def test_a_reason_that_few_share_is_not_told(model, features):
    now = features[features["cutoff"] == model.cutoffs_["test"]]
    named = rank_customers(model, now, Costs(), k=10, most=10_000)["reasons"]
    rare = "complained in the past year"
    count = int((now["perception_complaints"] >= 1).sum())
    hidden = rank_customers(model, now, Costs(), k=count + 1, most=10_000)["reasons"]
    assert named.str.contains(rare).any()
    assert not hidden.str.contains(rare).any()


def test_the_exported_list_cannot_run_as_a_formula(tmp_path):
    calls = pd.DataFrame(
        {"rank": [1], "customer_id": ["=1+1"], "risk": [0.5], "expected_gain": [-2.5], "reasons": ["@x"]}
    )
    write_call_list(calls, tmp_path / "calls.csv")
    assert (tmp_path / "calls.csv").read_text().splitlines()[1] == "1,'=1+1,0.5,-2.5,'@x"


def test_customers_are_ranked_at_one_moment(model, features):
    with pytest.raises(ValueError, match="a customer occurs twice"):
        rank_customers(model, features, Costs())


def test_error_rates_by_segment_count_every_leaver_and_stayer_once(model, features):
    table = fairness(model, features)
    n = table.groupby("measure")["n"].sum()
    assert n["leavers missed"] == model.test_["left"].sum()
    assert n.sum() == len(model.test_)


def test_error_rates_between_made_up_segments_seldom_differ(model, features):
    rng = np.random.default_rng(5)
    flags = [fairness(model, features.assign(team=rng.choice(list("abcd"), len(features))), by="team")["differs"].any()
             for _ in range(20)]  # fmt: skip
    assert sum(flags) <= 3


def test_fairness_needs_the_segment(model, features):
    with pytest.raises(NotMeasured, match=r"no column plan \(table customers\), needed for fairness"):
        fairness(model, features, by="account_plan")


def test_a_saved_model_gives_the_same_risks_and_the_file_runs_no_code(tmp_path, model, features):
    model.save(tmp_path / "leaving.skops")
    again = ChurnRiskModel.load(tmp_path / "leaving.skops")
    rows = features.tail(200)
    assert again.predict_proba(rows) == pytest.approx(model.predict_proba(rows))
    assert again.sentence_ == model.sentence_
    assert describe_model(again) == describe_model(model)
    assert b"C00" not in (tmp_path / "leaving.skops").read_bytes()  # no customer's id


def test_a_file_with_anything_else_is_not_loaded(tmp_path):
    from skops.io import dump

    dump({"model_": Costs()}, tmp_path / "foreign.skops")
    with pytest.raises(ValueError, match=r"holds analytics\.config\.Costs"):
        ChurnRiskModel.load(tmp_path / "foreign.skops")


def test_the_model_card_says_what_it_must_not_be_used_for(model):
    card = describe_model(model)
    assert "not to price, refuse or rank people otherwise" in card
    assert f"| test | {len(model.test_):,} | {int(model.test_['left'].sum()):,} |" in card
