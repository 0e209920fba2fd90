"""Each planted truth shows in the exported tables by plain group means and least squares, without our own analyses."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.tables.demo import comments as demo_comments
from analytics.tables.demo.comments import BANK
from analytics.tables.demo.simulate import simulate, write_demo
from analytics.tables.schema import TABLE_NAMES, contract
from analytics.training.places import LINES

ZONE = "Europe/London"


@pytest.fixture(scope="module")
def cases(demo):
    """One row per case from the contacts alone, with the truth beside it."""
    tables, truth = demo
    contacts = tables.contacts.merge(tables.customers[["customer_id", "segment", "joined_at"]], on="customer_id")
    frame = contacts.groupby("case_id").agg(
        started_at=("started_at", "min"), joined_at=("joined_at", "first"), segment=("segment", "first"),
        team=("team", "first"), reason=("reason", "first"), site=("site", "first"), channel=("channel", "last"),
        contact_id=("contact_id", "last"), reopens=("reopened", "sum"), transfers=("transfers", "sum"),
        wait=("wait_time_s", "sum"), updates=("updates", "max"), handle_time_s=("handle_time_s", "mean"),
        qa_score=("qa_score", "mean"), late=("callback_late_h", "max"), closed=("resolved_at", "last"),
        confirmed=("confirmed_at", "count"), agent_id=("agent_id", "last"), channels=("channel", "nunique"),
    )  # fmt: skip
    hidden = truth.cases[["perceived", "satisfied", "fixed", "system_failure", "loyal_on_price"]]
    answers = tables.surveys.dropna(subset=["contact_id"]).set_index("contact_id")[["responded_at", "csat", "nps"]]
    frame["invited"] = frame["contact_id"].isin(answers.index)
    return frame.join(hidden).join(answers, on="contact_id")


@pytest.fixture(scope="module")
def answers(demo):
    frame = demo[0].surveys.dropna(subset=["responded_at"])
    return frame.assign(month=frame["invited_at"].dt.strftime("%Y-%m"))


def least_squares(outcome, causes):
    """Coefficients and standard errors of the columns of `causes`, rows with a missing value left out."""
    known = causes.notna().all(axis=1) & outcome.notna()
    x = np.column_stack([np.ones(known.sum()), causes[known].to_numpy(float)])
    y = outcome[known].to_numpy(float)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    errors = np.sqrt(np.diag(np.linalg.inv(x.T @ x)) * ((y - x @ beta) ** 2).mean())
    return pd.DataFrame({"effect": beta[1:], "error": errors[1:]}, index=causes.columns)


def causes_of(cases):
    return pd.DataFrame(
        {
            "reopens": cases["reopens"],
            "transfers": cases["transfers"],
            "not_fixed": ~cases["fixed"].astype(bool),
            "broken_callback": cases["late"].fillna(-1) > 0,
            "outsourced": cases["site"].eq("outsourced").where(cases["site"].notna()),
            "loyal_on_price": cases["loyal_on_price"],
            "system_failure": cases["system_failure"],
            "handle_time_s": cases["handle_time_s"],
            "qa_score": cases["qa_score"],
            "updates": cases["updates"],
            "wait_min": (cases["wait"] / 60).clip(upper=5).where(cases["channel"] != "email", 0),
        }
    )


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_demo_tables_keep_the_contract(demo, name):
    contract(name, ZONE).validate(getattr(demo[0], name), lazy=True)


def test_twenty_thousand_customers_make_about_sixty_thousand_contacts(demo):
    tables, _ = demo
    assert len(tables.customers) == 20_000
    assert 55_000 < len(tables.contacts) < 72_000


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    digests = []
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_demo(tmp_path / folder, seed=seed, months=4, customers=400)
        files = sorted((tmp_path / folder).iterdir())
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert [file.name for file in files] == [*sorted(f"{name}.parquet" for name in TABLE_NAMES), "truth.json"]
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])


def test_written_truth_holds_the_numbers(tmp_path):
    truth = write_demo(tmp_path, months=4, customers=400)
    written = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert written["answer_ratio"] == 0.4
    assert written["true_satisfied"] == truth.true_satisfied
    assert [row["month"] for row in written["months"]] == ["2026-07", "2026-08", "2026-09", "2026-10"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"months": 2}, "at least 3 months and 200 customers; got 2 and 20000"),
        ({"customers": 10}, "got 24 and 10"),
        ({"until": "2026-10-30"}, "has to be the last day of a month"),
    ],
)
def test_arguments_too_small_for_the_truths_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(**arguments)


def test_the_last_month_is_complete_and_nothing_is_stamped_after_it(demo):
    end = pd.Timestamp("2026-11-01", tz=ZONE)
    for name in TABLE_NAMES:
        stamps = getattr(demo[0], name).select_dtypes("datetimetz")
        assert (stamps.max() < end).all(), name
    assert demo[0].contacts["started_at"].max() > end - pd.Timedelta(days=1)
    assert demo[0].contacts["started_at"].min() >= pd.Timestamp("2024-11-01", tz=ZONE)


def test_hidden_labels_stay_out_of_the_tables(demo):
    tables, truth = demo
    exported = {column for name in TABLE_NAMES for column in getattr(tables, name).columns}
    hidden = {*truth.cases.columns, *truth.comments.columns, *truth.customers.columns, "theme", "satisfied"}
    assert exported & hidden == {"customer_id", "transfers", "updates", "kind"}  # kind of a complaint is the handler's
    assert set(truth.comments.index) == set(tables.surveys.dropna(subset=["comment"])["response_id"])
    assert set(truth.complaints.index) == set(tables.complaints["complaint_id"])


def test_handle_time_falls_by_the_planted_share_while_perception_stays(demo, answers):
    tables, truth = demo
    month = tables.contacts["started_at"].dt.strftime("%Y-%m")
    log_time = np.log(tables.contacts["handle_time_s"]).groupby(month).mean()
    slope = np.polyfit(np.arange(24), log_time, 1)[0]
    assert np.expm1(slope * 23) == pytest.approx(truth.handle_time_change, abs=0.02)
    quiet = answers[answers["month"] != truth.event_month]
    csat = quiet.groupby("month")["csat"].mean()
    assert abs(np.polyfit(np.arange(len(csat)), csat, 1)[0] * 23) < 0.06
    cost = tables.contacts["cost"].groupby(month).mean()
    assert 0.85 < cost.iloc[-1] / cost.iloc[0] < 0.93


def test_planted_effects_are_what_moves_perceived_quality(demo, cases):
    effects = demo[1].effects
    for segment, part in cases.groupby("segment"):
        found = least_squares(part["perceived"], causes_of(part))
        planted = {**effects, **demo[1].segment_effects[segment]}
        off = (found["effect"] - pd.Series(planted).reindex(found.index)).abs()
        assert (off < 4 * found["error"] + 0.03).all(), (segment, found.assign(off=off))


def test_answers_show_reopens_and_transfers_but_not_handle_time(cases):
    part = cases[cases["responded_at"].notna()]
    found = least_squares(part["csat"], causes_of(part))
    assert found.loc["reopens", "effect"] < -0.5
    assert found.loc["transfers", "effect"] < -0.25
    inside = found.loc[["handle_time_s", "qa_score"]]
    assert (inside["effect"].abs() < 3 * inside["error"]).all()


def test_the_two_segments_want_opposite_things(cases):
    part = cases[cases["responded_at"].notna()]
    found = {name: least_squares(rows["csat"], causes_of(rows)) for name, rows in part.groupby("segment")}
    assert found["home"].loc["updates", "effect"] > 0.1
    assert found["business"].loc["updates", "effect"] < -0.1
    assert found["business"].loc["wait_min", "effect"] < -0.08
    assert abs(found["home"].loc["wait_min", "effect"]) < 0.05


def test_one_queue_is_green_inside_and_red_to_customers_and_one_the_other_way_round(demo, cases):
    tables, truth = demo
    contacts = tables.contacts
    limit = truth.sla["wait_time_s"]
    inside = (
        contacts["wait_time_s"].le(limit["at_most"])[contacts["wait_time_s"].notna()].groupby(contacts["team"]).mean()
    )
    hours = (contacts["resolved_at"] - contacts["started_at"]).dt.total_seconds() / 3600
    closed = hours.le(24)[hours.notna()].groupby(contacts["team"]).mean()
    satisfied = cases[cases["csat"].notna()].groupby("team")["csat"].agg(lambda scores: scores.ge(4).mean())
    reopened = cases.groupby("team")["reopens"].mean()
    red, content = truth.watermelon_team, truth.reverse_watermelon_team
    assert inside[red] > 0.95 and closed[red] > 0.95
    assert satisfied[red] == satisfied.min() < 0.62
    assert reopened[red] > 3 * reopened.drop(red).max()
    assert inside[content] < 0.5 and closed[content] < 0.2
    assert satisfied[content] == satisfied.max() > 0.8


def test_invitations_go_to_resolved_cases_on_the_phone(demo, cases):
    state = np.where(cases["closed"].notna(), "closed ", "open ") + np.where(
        cases["channel"] == "phone", "phone", "other"
    )
    invited = cases["invited"].groupby(state).mean()
    assert (invited - pd.Series(demo[1].invited)).abs().max() < 0.03
    few = cases["agent_id"].isin(demo[1].cherry_picking_agents)
    closed_phone = state == "closed phone"
    unhappy = ~cases["satisfied"].astype(bool) & closed_phone
    assert cases.loc[unhappy & few, "invited"].mean() < 0.35 < 0.8 < cases.loc[unhappy & ~few, "invited"].mean()


def test_unhappy_customers_answer_four_tenths_as_often(demo, cases):
    invited = cases[cases["invited"]]
    rate = invited["responded_at"].notna().groupby(invited["satisfied"].astype(bool)).mean()
    assert rate[False] / rate[True] == pytest.approx(demo[1].answer_ratio, abs=0.03)


def test_those_who_answer_look_happier_than_those_asked_and_those_are_happier_than_all(demo, answers):
    truth = demo[1]
    assert truth.true_satisfied == pytest.approx(truth.cases["satisfied"].mean())
    assert truth.observed_satisfied == pytest.approx(answers["csat"].dropna().ge(4).mean(), abs=0.01)
    assert truth.true_satisfied + 0.05 < truth.invited_satisfied < truth.observed_satisfied - 0.1
    assert (truth.months["true_satisfied"] < truth.months["observed_satisfied"]).all()
    assert truth.months["answered"].between(500, 800).all()
    assert 0.2 < len(answers) / len(demo[0].surveys) < 0.32


def test_most_answers_carry_all_three_scores_and_half_a_comment(demo, answers):
    assert (answers[["nps", "csat", "ces"]].notna().mean() > 0.94).all()
    assert 0.45 < answers["comment"].notna().mean() < 0.6
    silent = demo[0].surveys["responded_at"].isna()
    assert demo[0].surveys.loc[silent, ["nps", "csat", "ces", "comment"]].isna().all(axis=None)


def test_callback_promise_is_broken_three_times_in_ten(demo):
    promised = demo[0].contacts.dropna(subset=["promised_callback_at"])
    broken = promised["called_back_at"].isna() | (promised["called_back_at"] > promised["promised_callback_at"])
    assert broken.mean() == pytest.approx(demo[1].callback_broken, abs=0.02)
    assert demo[1].callback_broken_observed == pytest.approx(broken.mean(), abs=0.01)
    assert promised["callback_late_h"].gt(0).eq(broken).all()
    never = promised["called_back_at"].isna()
    assert 0.3 < never.sum() / broken.sum() < 0.7


def test_gestures_without_a_fix_make_leaving_more_likely_and_gestures_with_one_do_not(demo):
    tables, _ = demo
    frame = tables.complaints.merge(tables.customers, on="customer_id")
    frame = frame[frame["received_at"] < pd.Timestamp("2026-07-01", tz=ZONE)]
    leaves = (frame["left_at"] - frame["received_at"]).dt.days.between(0, 120)
    fixed = frame["confirmed_fixed"].fillna(frame["remedy"] == "full").astype(bool)
    share = leaves.groupby([fixed, frame["goodwill_value"] > 0]).mean()
    assert share[False, True] > 1.3 * share[False, False]
    assert share[True, True] < share[False, True] - 0.05
    assert set(tables.complaints["remedy"]) == {"none", "partial", "full"}


def test_nothing_happens_in_quiet_months_and_the_event_shows(demo, answers):
    truth = demo[1]
    assert truth.event_month == "2026-04" and truth.quiet == (("2024-11", "2026-03"), ("2026-05", "2026-10"))
    nps = answers.groupby("month")["nps"].agg(lambda s: 100 * (s.ge(9).mean() - s.le(6).mean()))
    limit = 2.66 * nps.diff().abs().mean()
    outside = (nps - nps.mean()).abs() > limit
    assert outside[outside].index.tolist() == ["2026-04"]
    theme = truth.comments["theme"].eq(truth.event_theme)
    month = answers.set_index("response_id")["month"].reindex(theme.index)
    share = theme.groupby(month).mean()
    assert share["2026-04"] > 4 * share.drop("2026-04").mean()


def test_short_periods_have_no_event():
    truth = simulate(months=6, customers=300)[1]
    assert truth.event_month is None
    assert truth.quiet == (("2026-05", "2026-10"),)


def test_leaving_follows_what_was_felt_and_not_handle_time(demo, cases):
    tables, truth = demo
    cut = pd.Timestamp("2026-02-01", tz=ZONE)
    customers = tables.customers.set_index("customer_id")
    owner = tables.contacts.drop_duplicates("case_id").set_index("case_id")["customer_id"]
    recent = cases[cases["started_at"].between(cut - pd.Timedelta(days=120), cut)]
    recent = recent.assign(felt=(4 - recent["perceived"]).clip(lower=0), open=~recent["fixed"].astype(bool))
    by = recent.groupby(owner.reindex(recent.index)).agg({"felt": "sum", "open": "any", "handle_time_s": "mean"})
    active = customers[(customers["joined_at"] < cut) & ~(customers["left_at"] < cut)]
    leaves = active["left_at"] < cut + pd.Timedelta(days=120)
    by = by.join(leaves.rename("leaves"), how="inner")
    assert by.loc[by["felt"] > 1.5, "leaves"].mean() > 2 * leaves.mean()
    assert by.loc[by["open"], "leaves"].mean() > 1.5 * by.loc[~by["open"], "leaves"].mean()
    slow = by["handle_time_s"] > by["handle_time_s"].median()
    spread = np.sqrt(leaves.mean() * 4 / len(by))
    assert abs(by.loc[slow, "leaves"].mean() - by.loc[~slow, "leaves"].mean()) < 3 * spread
    assert truth.hazard["handle_time_s"] == 0


def test_half_of_the_leavers_never_spoke(demo):
    tables, truth = demo
    left = tables.customers.dropna(subset=["left_at"])["customer_id"]
    spoke = {*tables.complaints["customer_id"], *tables.surveys.dropna(subset=["responded_at"])["customer_id"]}
    assert (~left.isin(spoke)).mean() == pytest.approx(truth.silent_leaver_share)
    assert 0.45 < truth.silent_leaver_share < 0.6
    assert len(left) / len(tables.customers) == pytest.approx(truth.left_share)


def test_those_who_say_they_leave_do_so_far_more_often(demo):
    tables, truth = demo
    said = truth.comments.index[truth.comments["leaving"]]
    owner = tables.surveys.set_index("response_id")["customer_id"]
    left = tables.customers.set_index("customer_id")["left_at"].notna()
    assert left[owner[said]].mean() > 2 * left[owner[truth.comments.index]].mean()


def test_the_planted_leak_knows_who_left_and_the_region_knows_nothing(demo):
    customers, truth = demo[0].customers, demo[1]
    left = customers["left_at"].notna()
    by_code = left.groupby(customers[truth.leak_columns[0]]).mean()
    assert by_code["Z9"] == 1.0 and by_code.drop("Z9").max() < 0.02
    by_region = left.groupby(customers["region"]).mean()
    assert by_region.max() - by_region.min() < 0.03


def test_loyal_customers_pay_more_and_like_bills_less(demo, cases):
    customers, truth = demo[0].customers, demo[1]
    end = customers["left_at"].fillna(pd.Timestamp("2026-11-01", tz=ZONE))
    loyal = (end - customers["joined_at"]).dt.days > 365
    value = customers.groupby(["segment", loyal])["value_per_year"].mean().unstack()
    assert (value[True] / value[False]).mean() == pytest.approx(truth.loyal_price_ratio, abs=0.04)
    price = cases["reason"].isin(["bill query", "contract renewal"])
    loyal_case = (cases["started_at"] - cases["joined_at"]).dt.days > 365
    mean = cases.groupby([price, loyal_case])["csat"].mean()
    assert mean[True, True] < mean[True, False] - 0.3
    assert abs(mean[False, True] - mean[False, False]) < 0.12


def test_outsourced_teams_are_perceived_a_little_worse_and_score_the_same_inside(cases):
    by_site = cases.groupby("site")[["csat", "qa_score"]].mean()
    assert -0.3 < by_site.loc["outsourced", "csat"] - by_site.loc["in-house", "csat"] < -0.08
    assert abs(by_site["qa_score"].diff().iloc[-1]) < 0.3


def test_cases_hold_abandoned_calls_callbacks_and_channel_switches(demo, cases):
    contacts = demo[0].contacts
    assert 0.03 < contacts["abandoned"].mean() < 0.1
    gone = contacts[contacts["abandoned"]]
    assert gone[["agent_id", "handle_time_s", "resolved_at", "first_response_at"]].isna().all(axis=None)
    assert (contacts["channel"] == "callback").sum() > 500
    assert 0.05 < (cases["channels"] > 1).mean() < 0.15
    assert 0.3 < (cases["confirmed"] > 0).mean() < 0.5
    assert cases.loc[cases["confirmed"] > 0, "fixed"].all()


def test_comments_say_what_happened_in_the_case(demo):
    tables, truth = demo
    case = tables.surveys.merge(tables.contacts[["contact_id", "case_id"]], on="contact_id").set_index("response_id")
    labels = truth.comments.join(case[["case_id", "csat"]], how="inner").join(truth.cases, on="case_id")
    negative = labels[labels["polarity"] == "negative"]
    broken = negative["broken_callback"].astype(bool)
    named = negative["theme"].eq("promise_broken") | negative["second_theme"].eq("promise_broken")
    assert named[broken].mean() > 0.4 > 0.1 > named[~broken].mean()
    assert labels.loc[labels["polarity"] == "positive", "csat"].mean() > 4
    assert negative["csat"].mean() < 3.6


def test_the_bank_covers_every_theme_with_praise_and_blame():
    rows = pd.read_csv(demo_comments.BANK, dtype=str, keep_default_na=False)
    said = rows[rows["kind"] == "sentence"].groupby(["theme", "polarity"]).size()
    for theme in demo_comments.WORDS["themes"]["negative"]:
        assert said[theme, "negative"] >= 12, theme
        assert said[theme, "positive"] >= 7, theme
    assert set(demo_comments.WORDS["themes"]["negative"]) == set(demo_comments.WORDS["themes"]["positive"])
    assert len(rows) >= 450
    assert not rows["text"].duplicated().any()
    assert rows["style"].nunique() >= 6


def test_the_bank_uses_the_words_of_the_theme_taxonomy():
    taxonomy = pytest.importorskip("analytics.text.themes", reason="the theme taxonomy is not there yet")
    assert set(demo_comments.WORDS["themes"]["negative"]) == set(taxonomy.THEMES)


def test_hostile_foreign_and_identifying_texts_are_among_the_comments(demo):
    comments = demo[0].surveys["comment"].dropna()
    assert demo[1].comments["kind"].value_counts().loc[["foreign", "hostile", "identifier", "noise"]].gt(15).all()
    for sign in ("<script>", "=cmd|", "#import", "\\input{", "\u202e", "\u200b", "@example.com", "07700 900", "😊"):
        assert comments.str.contains(sign, regex=False).any(), sign
    assert not comments.str.contains(r"\{(?:agent|name|email|topic|n|day)\}").any()


def test_a_reader_s_count_is_of_what_the_sentences_blame_and_praise(demo):
    rows = pd.read_csv(demo_comments.BANK, dtype=str, keep_default_na=False)
    rows = rows[rows["text"].str.len().gt(40) & ~rows["text"].str.contains("{", regex=False)]
    lines = rows[rows["kind"].isin(["sentence", "deed"]) & rows["theme"].ne("")]
    labels = demo[1].comments.join(demo[0].surveys.set_index("response_id")["comment"])
    for side, field in (("negative", "blamed"), ("positive", "praised")):
        for theme, also, text in lines.loc[lines["polarity"] == side, ["theme", "also", "text"]].to_numpy():
            named = labels.loc[labels["comment"].str.contains(text, regex=False), field]
            assert all({theme, also} - {""} <= set(themes) for themes in named), text


def test_texts_are_as_hard_as_life(demo):
    labels = demo[1].comments.join(demo[0].surveys.set_index("response_id")["comment"])
    blame = labels[labels["polarity"].eq("negative") & labels["kind"].isin(["plain", "identifier", "thread"])]
    themes = blame["blamed"].map(len)
    assert themes.eq(0).mean() > 0.1 and themes.gt(1).mean() > 0.2
    assert blame["praised"].map(len).gt(0).mean() > 0.08
    chatter = demo_comments.bank()["chatter", "", ""]
    assert blame["comment"].map(lambda text: any(line in text for line, _ in chatter)).mean() > 0.12


def test_mail_around_a_text_is_taken_out_and_an_opt_out_is_no_answer(demo):
    from analytics.text.thread import read_own_words

    labels = demo[1].comments.join(demo[0].surveys.set_index("response_id")["comment"])
    mails = labels[labels["kind"] == "thread"]
    own = read_own_words(mails["comment"])
    assert len(mails) > 100 and own["cut"].map(len).gt(0).mean() > 0.95
    assert not own["text"].str.contains("Dear customer, thank you for your message", regex=False).any()
    outs = labels.loc[labels["kind"] == "opt_out", "comment"]
    assert len(outs) > 15 and set(read_own_words(outs)["no_answer"]) == {"opt-out"}


def test_a_problem_that_no_theme_covers_grows_in_the_last_months(demo):
    truth = demo[1]
    assert truth.new_problem_from == "2026-08"
    shares = truth.texts.set_index("month")["new_problem"]
    assert shares[:"2026-07"].eq(0).all()
    assert 0 < shares["2026-08"] < shares["2026-10"]
    named = truth.complaints["new_problem"]
    told = demo[0].complaints.set_index("complaint_id").loc[named[named].index, "text"]
    lines = [line.lower()[:20] for line, _ in demo_comments.bank()["new_problem", "", "negative"]]
    assert told.str.lower().map(lambda text: any(line in text for line in lines)).mean() > 0.8


def test_one_action_worked_and_one_did_not(demo):
    tables, truth = demo
    worked, idle = truth.actions["appointment_texts"], truth.actions["greeting_by_name"]
    about = tables.contacts.drop_duplicates("case_id").set_index("case_id")[["team", "started_at"]]
    texts = truth.complaints.join(tables.complaints.set_index("complaint_id")["case_id"]).join(about, on="case_id")
    before = texts["started_at"] < pd.Timestamp(worked["on"], tz=ZONE)
    named = texts["blamed"].map(lambda themes: worked["theme"] in themes)
    share = named.groupby([texts["team"].eq(worked["team"]), before]).mean()
    assert share[True, True] > share[True, False] + 0.2
    assert abs(share[False, True] - share[False, False]) < 0.1
    assert (idle["team"], idle["nps"]) == ("", 0)
    perceived = truth.cases["perceived"].where(~truth.cases["system_failure"])
    later = about["started_at"].ge(pd.Timestamp(idle["on"], tz=ZONE)).reindex(truth.cases.index)
    mean = perceived.groupby(later).mean()
    assert abs(mean[True] - mean[False]) < 0.06


def test_declared_actions_are_those_that_were_planted(demo):
    root = Path(__file__).resolve().parents[3]
    config = tomllib.loads((root / "perception.toml").read_text(encoding="utf-8"))
    teams = {action["id"]: action.get("for", {}).get("team", "") for action in config["actions"]}
    declared = {action["id"]: (teams[action["id"]], str(action["on"])) for action in config["actions"]}
    assert declared == {name: (planted["team"], planted["on"]) for name, planted in demo[1].actions.items()}


def test_some_customers_answer_again_and_again(demo):
    tables, truth = demo
    answers = tables.surveys.dropna(subset=["responded_at"])
    month = answers["responded_at"].dt.strftime("%Y-%m")
    again = answers.assign(month=month).duplicated(["customer_id", "month"])
    assert again.mean() == pytest.approx(truth.repeat_answers) and 0.02 < truth.repeat_answers < 0.1
    assert answers["customer_id"].value_counts().iloc[0] >= 12


def test_people_are_thanked_for_what_they_did(demo):
    truth = demo[1]
    thanked = truth.comments[truth.comments["deed"]]
    assert len(thanked) > 100 and thanked["praised"].map(len).gt(0).all()
    assert thanked["polarity"].eq("positive").all()


def test_no_sentence_of_the_demo_taught_a_model():
    def key(text: str) -> str:
        return re.sub(r"[\W_]", "", text.lower())

    lines = pd.concat([pd.read_csv(path, keep_default_na=False) for path in LINES.glob("*.csv")])
    taught = {key(text) for text in lines["text"].dropna()}
    bank = pd.read_csv(BANK, keep_default_na=False)
    bank = bank[~bank["kind"].isin(["noise", "hostile"])]  # dots, "n/a" and thumbs are everybody's
    assert not [text for text in bank["text"] if key(text) in taught]
