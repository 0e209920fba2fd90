"""The leakage gate on real churn files with known leaks, and on frames small enough to check by eye."""

import numpy as np
import pandas as pd
import pytest

from analytics.measures.leaving.churn import ChurnRiskModel, LeakageError
from analytics.measures.leaving.leakage import Leak, leakage_report

TELCO_HONEST = {
    "Contract", "Tenure Months", "Monthly Charges", "Total Charges", "CLTV", "Internet Service", "Tech Support",
    "Online Security", "Payment Method", "Senior Citizen", "Dependents", "City", "Zip Code", "Latitude", "Gender",
}  # fmt: skip


@pytest.fixture(scope="module")
def bank(datasets) -> pd.DataFrame:
    return pd.read_csv(datasets / "controls/bank_churn_leak.csv")


@pytest.fixture(scope="module")
def telco(datasets) -> pd.DataFrame:
    return pd.read_csv(datasets / "controls/telco_churn.csv")


@pytest.fixture(scope="module")
def status(datasets) -> pd.DataFrame:
    return pd.read_csv(datasets / "controls/telco_status.csv")


@pytest.fixture
def customers() -> pd.DataFrame:
    """Two thousand customers of whom a tenth left; age helps honestly."""
    rng = np.random.default_rng(0)
    left = rng.random(2_000) < 0.1
    return pd.DataFrame({"age": rng.normal(45 + 5 * left, 12), "plan": rng.choice(["a", "b"], 2_000), "left": left})


def suspects(frame, outcome="left", **options):
    return set(leakage_report(frame, outcome, **options)["column"])


def test_the_complaint_flag_of_the_bank_and_its_ids_are_the_only_suspects(bank):
    report = leakage_report(bank, "Exited").set_index("column")
    assert set(report.index) == {"Complain", "Row_Number", "Customer_Id"}
    assert report.loc["Complain", "strength"] > 0.99
    assert report["reason"].to_dict() == {
        "Complain": Leak.TELLS_BY_ITSELF, "Row_Number": Leak.IDENTIFIER, "Customer_Id": Leak.IDENTIFIER
    }  # fmt: skip


def test_the_bank_passes_once_its_suspects_are_removed(bank):
    assert leakage_report(bank.drop(columns=["Complain", "Row_Number", "Customer_Id"]), "Exited").empty


@pytest.mark.parametrize("outcome", ["Churn Value", "Churn Label"])
def test_the_telecom_file_leaks_by_score_and_reason_and_no_honest_column_is_suspected(telco, outcome):
    columns = suspects(telco, outcome)
    assert {"Churn Score", "Churn Reason"} < columns
    assert not columns & TELCO_HONEST
    assert not suspects(telco.drop(columns=list(columns)), outcome)


def test_a_satisfaction_score_frozen_at_leaving_is_caught(status):
    columns = suspects(status, "Churn Value")
    assert {"Satisfaction Score", "Churn Score", "Customer Status", "Churn Category", "Churn Reason"} < columns
    assert "CLTV" not in columns


def test_a_satisfaction_score_is_caught_for_one_side_alone(status):
    """Without the middle score, which both give, low scores still belong to leavers only."""
    mixed = status.assign(score=status["Satisfaction Score"].where(status["Satisfaction Score"] <= 3, 3))
    reason = leakage_report(mixed[["score", "Churn Value"]], "Churn Value")["reason"].item()
    assert reason == Leak.VALUES_OF_LEAVERS


@pytest.mark.parametrize("name", ["bank", "telco"])
def test_small_samples_of_real_files_give_the_same_verdict(name, request):
    frame = request.getfixturevalue(name).sample(600, random_state=3)
    outcome, leak = {"bank": ("Exited", "Complain"), "telco": ("Churn Value", "Churn Score")}[name]
    columns = suspects(frame, outcome)
    assert leak in columns
    assert not columns & (TELCO_HONEST | {"Age", "Balance", "Num_Of_Products", "Tenure", "Geography"})


def test_a_column_filled_in_only_for_leavers_is_caught(customers):
    frame = customers.assign(exit_call=np.where(customers["left"], "price " + customers["age"].astype(str), None))
    reason = leakage_report(frame, "left")["reason"].item()
    assert reason == Leak.FILLED_IN_FOR_LEAVERS


def test_activity_that_only_stayers_can_have_is_caught(customers):
    renewed = ~customers["left"] & (np.arange(2_000) % 3 == 0)
    reason = leakage_report(customers.assign(renewed=renewed.astype(int)), "left")["reason"].item()
    assert reason == Leak.VALUES_OF_STAYERS


def test_a_stamp_after_the_cut_off_is_caught_and_one_before_it_is_not(customers):
    stamps = pd.to_datetime("2025-01-01") + pd.to_timedelta(np.arange(2_000) % 59, "D")
    frame = customers.assign(ticket=stamps, first=pd.Timestamp("2024-05-05"))
    report = leakage_report(frame, "left", cutoff="2025-02-01")
    assert report["column"].tolist() == ["ticket"]
    assert report["reason"].item() == Leak.LATE_STAMP
    assert suspects(frame.assign(ticket=stamps.astype(str)), cutoff=pd.Timestamp("2025-02-01")) == {"ticket"}
    assert not suspects(frame)


def test_a_value_frozen_at_leaving_is_caught_over_several_cut_offs():
    """At any one cut-off the code marks those who leave later, too: only the customer as a whole gives it away."""
    rng = np.random.default_rng(1)
    leaves_at = np.where(rng.random(600) < 0.6, rng.integers(0, 20, 600), 99)
    panel = pd.DataFrame([(i, c, leaves_at[i] == c, i % 7) for i in range(600) for c in range(20) if leaves_at[i] >= c],
                         columns=["customer_id", "period", "left", "region"])  # fmt: skip
    panel["code"] = np.where(leaves_at[panel["customer_id"]] < 99, "Z", "A")
    report = leakage_report(panel, "left")
    assert report["column"].tolist() == ["code"]
    assert report["frozen"].item()


def test_noise_is_never_suspected():
    rng = np.random.default_rng(2)
    for _ in range(20):
        frame = pd.DataFrame(rng.normal(size=(400, 8))).add_prefix("x").assign(name=rng.choice(list("abcdefghij"), 400))
        assert leakage_report(frame, rng.random(400) < 0.1).empty


def test_the_outcome_may_be_flags_words_numbers_or_stamps(customers):
    frame = customers.assign(leak=customers["left"].astype(int) * 2)[["age", "leak"]]
    left = customers["left"]
    stamps = pd.Series(pd.Timestamp("2025-01-01"), index=left.index).where(left)
    for outcome in (left, left.astype(int), left.map({True: "gone", False: "there"}), stamps, left.to_numpy()):
        assert suspects(frame, outcome) == {"leak"}


def test_bad_outcomes_are_refused_with_a_reason(customers):
    with pytest.raises(ValueError, match="no column 'churned' as outcome"):
        leakage_report(customers, "churned")
    with pytest.raises(ValueError, match="two values, such as 0 and 1. Found 3"):
        leakage_report(customers, pd.Series([1, 2, 3, 4] * 500).replace(4, 1))
    with pytest.raises(ValueError, match="3 values for 2000 rows"):
        leakage_report(customers, [0, 1, 0])


def test_the_model_refuses_to_learn_and_names_each_leak(bank):
    frame = bank.drop(columns="Exited")
    with pytest.raises(LeakageError, match=r"- Complain: tells by itself, 0\.99") as refusal:
        ChurnRiskModel().fit(frame, bank["Exited"], pd.Timestamp("2025-01-01"))
    assert "Complain" in set(refusal.value.report["column"])


def test_without_leaks_the_bank_still_gives_no_model_as_it_has_one_moment_only(bank):
    frame = bank.drop(columns=["Exited", "Complain", "Row_Number", "Customer_Id"])
    with pytest.raises(ValueError, match="three cut-offs at least 90 days apart are needed"):
        ChurnRiskModel().fit(frame, bank["Exited"], pd.Timestamp("2025-01-01"))


def test_the_argument_is_left_unchanged(customers):
    before = customers.copy()
    leakage_report(customers, "left", cutoff="2025-01-01")
    pd.testing.assert_frame_equal(customers, before)
