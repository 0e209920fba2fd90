"""What holds of any table: bounds hold every completion, parts add up to their whole, n counts what it stands for."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from analytics.config import Promise
from analytics.measures.estimate import SAID
from analytics.measures.invitations import audit_invitations
from analytics.measures.promises import BROKEN, KEPT, UNKNOWN, judge_promise, score_promises
from analytics.measures.recovery import LEAVE_DAYS, LEFT, NEXT_SCORE, REPEAT_DAYS, REPEATED, score_recovery
from analytics.measures.response import bound_score
from analytics.measures.scores import customer_effort, net_promoter_score, top_box_share
from analytics.report.last_time import _counts
from analytics.report.recovery import _outcome_tables
from analytics.report.retest import Verdict
from analytics.tables.cases import build_cases
from analytics.tables.schema import Tables

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 40)
MEASURES = {"nps": (net_promoter_score, (0, 10)), "csat": (top_box_share, (1, 5)), "ces": (customer_effort, (1, 7))}
DAY = pd.Timedelta(days=1)
UNTIL = pd.Timestamp("2026-07-01", tz="UTC")


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, st.sampled_from([*MEASURES]), st.floats(0, 0.9))
def test_whatever_the_silent_would_have_said_lies_between_the_bounds(seed, n, name, silent):
    rng, (measure, scale) = np.random.default_rng(seed), MEASURES[name]
    answers = pd.Series(rng.integers(scale[0], scale[1] + 1, n), dtype=float).mask(rng.random(n) < silent)
    answers.iloc[0] = scale[0]
    bounds = bound_score(answers, measure, scale=scale)
    assert (bounds.invited, bounds.answered) == (n, answers.notna().sum())
    for would in rng.integers(scale[0], scale[1] + 1, (5, n)):
        whole = measure(answers.fillna(pd.Series(would, dtype=float))).value
        assert bounds.low - 1e-9 <= whole <= bounds.high + 1e-9
    assert bounds.low - 1e-9 <= bounds.observed.value <= bounds.high + 1e-9
    again = bound_score(answers.sample(frac=1, random_state=seed), measure, scale=scale)
    assert (again.low, again.high, again.open) == pytest.approx((bounds.low, bounds.high, bounds.open))


def contacts(rng, n):
    """Cases of a few customers, of which some are closed, some confirmed, some brought back, some without a segment."""
    hours = rng.exponential(30, n)
    frame = pd.DataFrame({"started_at": UNTIL - pd.to_timedelta(rng.uniform(0, 60, n), unit="D").floor("s")})
    frame["contact_id"] = frame["case_id"] = [f"k{i}" for i in range(n)]
    frame["customer_id"] = rng.integers(0, max(n // 2, 1), n).astype(str)
    closed = frame["started_at"] + pd.to_timedelta(hours, unit="h").floor("s")
    frame["resolved_at"] = closed.where((rng.random(n) < 0.8) & (closed < UNTIL))
    word = frame["resolved_at"] + pd.to_timedelta(rng.exponential(10, n), unit="h").floor("s")
    frame["confirmed_at"] = word.where((rng.random(n) < 0.6) & (word < UNTIL))
    frame["callback_late_h"] = np.where(rng.random(n) < 0.5, rng.normal(0, 3, n), np.nan)
    return frame


def customers(rng, ids):
    frame = pd.DataFrame({"customer_id": pd.unique(ids)})
    return frame.assign(segment=rng.choice(["home", "business", None], len(frame)))


@settings(max_examples=30, deadline=None)
@given(seeds, sizes, st.sampled_from(["customer_clock_h", "company_clock_h", "callback_late_h"]))
def test_promises_add_up_by_segment_and_by_what_was_said(seed, n, measure):
    rng = np.random.default_rng(seed)
    rows = contacts(rng, n)
    tables = Tables(contacts=rows, customers=customers(rng, rows["customer_id"]))
    vow = Promise(id="vow", text="Soon.", made_on=date(2026, 1, 1), measure=measure, threshold=24, share=0.9)
    cases = build_cases(tables, until=UNTIL)
    judged, scored = judge_promise(vow, tables, cases), score_promises([vow], tables, cases)
    whole, parts = scored.iloc[0], scored.iloc[1:]
    assert whole["n"] == len(judged) == judged["view"].isin([KEPT, BROKEN, UNKNOWN]).sum()
    assert parts["n"].sum() + judged["segment"].isna().sum() == whole["n"]
    assert (
        parts["view_broken"].sum() + (judged["view"].eq(BROKEN) & judged["segment"].isna()).sum()
        == whole["view_broken"]
    )
    for _, row in scored[scored["n"] > 0].iterrows():
        assert row["view_n"] <= row["n"] and row["people"] <= row["n"] and row["view_people"] <= row["view_n"]
        assert row["unknown"] == pytest.approx(1 - row["view_n"] / row["n"])
        if row["view_n"]:  # kept at least where customers confirmed, at most where they did not say otherwise
            most = 1 - row["view_broken"] / row["n"]
            assert row["view_low"] <= row["view"] <= most + 1e-9
            assert most <= row["view_high"] + 1e-9
        assert np.isnan(row["records"]) or row["records_low"] <= row["records"] <= row["records_high"]


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(5, 40))
def test_the_share_confirmed_in_time_is_kaplan_and_meier_s(seed, n):
    rng = np.random.default_rng(seed)
    rows = contacts(rng, n)
    tables = Tables(contacts=rows)
    vow = Promise(id="vow", text="Soon.", made_on=date(2026, 1, 1), measure="customer_clock_h", threshold=24)
    cases = build_cases(tables, until=UNTIL)
    judged = judge_promise(vow, tables, cases)
    due = cases.set_index("case_id").loc[judged["case_id"]]
    confirmed = due["ended"].eq("confirmed")
    if not confirmed.any():
        return
    curve = SurvfuncRight(due["customer_clock_h"], confirmed.astype(int))
    survival = np.r_[1.0, curve.surv_prob][np.searchsorted(curve.surv_times, 24, side="right")]
    assert judged["view"].eq(KEPT).mean() == pytest.approx(1 - survival)


def complaints(rng, n):
    frame = pd.DataFrame({"received_at": UNTIL - pd.to_timedelta(rng.uniform(0, 500, n), unit="D").floor("s")})
    frame["complaint_id"] = [f"p{i}" for i in range(n)]
    frame["customer_id"] = rng.integers(0, max(n // 2, 1), n).astype(str)
    frame["remedy"] = rng.choice(["none", "partial", "full", None], n)
    frame["goodwill_value"] = np.where(rng.random(n) < 0.4, 20.0, 0.0)
    return frame.assign(confirmed_fixed=pd.array(rng.choice([True, False, None], n), dtype="boolean"))


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.sampled_from([1, 2, 5]))
def test_groups_of_complaints_add_up_or_what_is_left_out_is_counted(seed, n, step):
    rng = np.random.default_rng(seed)
    rows = complaints(rng, n)
    ids = pd.unique(np.append(rows["customer_id"], ["quiet", "gone"]))
    left = UNTIL - pd.to_timedelta(rng.uniform(-100, 500, len(ids)), unit="D").floor("s")
    people = pd.DataFrame({"customer_id": ids, "left_at": pd.Series(left).where(rng.random(len(ids)) < 0.5)})
    recovery = score_recovery(Tables(complaints=rows, customers=people), UNTIL, step=step)
    groups = recovery.groups[recovery.groups["fixed"].notna()]
    assert (groups["n"] % step == 0).all() and (groups["people"] <= groups["n"]).all()
    assert recovery.complainants == rows["customer_id"].nunique()
    says = "confirmed_fixed" if recovery.fixed_source == SAID else "remedy"
    known = rows[rows[says].notna()].sort_values("received_at", kind="stable")
    first = known.drop_duplicates("customer_id")
    gone = first["customer_id"].map(people.set_index("customer_id")["left_at"])
    counted = first[(first["received_at"] <= UNTIL - LEAVE_DAYS * DAY) & ~gone.le(first["received_at"])]
    again = known[known["received_at"] <= UNTIL - REPEAT_DAYS * DAY]
    for outcome, due in ((LEFT, counted), (REPEATED, again)):
        part = groups[groups["outcome"].eq(outcome)]
        assert len(due) - 4 * (step - 1) <= part["n"].sum() <= len(due)
        assert (part["people"] == part["n"]).all() or outcome == REPEATED
    story = SimpleNamespace(k=2)
    for table in _outcome_tables(recovery, story, [LEFT, REPEATED, NEXT_SCORE]):
        shown = {row[0]: row[-1] or 0 for row in table.data["rows"]}
        assert table.data["n"] == sum(shown.values())
        left_out = int(recovery.complainants - table.data["n"] + shown.pop("never complained", 0))
        if "Leaving" in table.data["caption"]:
            assert f" {left_out} of {recovery.complainants} who" in table.data["note"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=8))
def test_the_record_of_earlier_claims_adds_up_from_report_to_report(reports):
    record, sums = {}, np.zeros(3)
    for counts in reports:
        latest = dict(zip(Verdict, counts, strict=True))
        told = _counts(latest, record, sum(counts), "May 2026").data
        sums += counts
        assert [e["value"] for e in told["evidence"]] == (list(sums) if sums.any() else [])
        assert all(e["n"] == sums.sum() for e in told["evidence"])
        record = {verdict: int(e["value"]) for verdict, e in zip(Verdict, told["evidence"], strict=False)}


HOLDERS = {
    "nullable": lambda frame: frame.convert_dtypes(),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda frame: frame.astype(object),
    "categories": lambda frame: frame.astype({c: "category" for c in frame if frame[c].dtype == "str"}),
    "one index": lambda frame: frame.set_axis([0] * len(frame)),
}


@pytest.mark.parametrize("held", HOLDERS)
def test_no_figure_depends_on_what_holds_the_columns(held):
    rng = np.random.default_rng(8)
    rows, words = contacts(rng, 60), complaints(rng, 40)
    people = customers(rng, np.append(rows["customer_id"], words["customer_id"]))
    people["left_at"] = pd.Series(UNTIL - 20 * DAY, people.index).where(rng.random(len(people)) < 0.5)
    answers = pd.DataFrame({"response_id": rows["contact_id"], "contact_id": rows["contact_id"]})
    answers = answers.assign(customer_id=rows["customer_id"], csat=rng.integers(1, 6, len(rows)).astype(float))
    answers["invited_at"] = answers["responded_at"] = rows["started_at"] + DAY
    frames = {"contacts": rows, "surveys": answers, "complaints": words, "customers": people}
    vow = Promise(id="vow", text="Soon.", made_on=date(2026, 1, 1), measure="callback_late_h", threshold=0)

    def figures(tables):
        cases, recovery = build_cases(tables, until=UNTIL), score_recovery(tables, UNTIL)
        asked = audit_invitations(tables).table
        return [cases, score_promises([vow], tables, cases), recovery.groups, recovery.accounts, asked]

    plain = figures(Tables(**frames))
    other = {name: HOLDERS[held](frame) for name, frame in frames.items()}
    copies = {name: frame.copy() for name, frame in other.items()}
    for mine, theirs in zip(plain, figures(Tables(**other)), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
    for name, frame in other.items():
        pd.testing.assert_frame_equal(frame, copies[name])
