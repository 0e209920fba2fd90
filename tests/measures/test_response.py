import numpy as np
import pandas as pd
import pytest

from analytics.measures.invitations import REOPENED, UNRESOLVED, Asking, audit_invitations
from analytics.measures.response import bound_score, weight_responses
from analytics.measures.scores import mean_score, net_promoter_score, top_box_share
from analytics.tables.schema import NotMeasured, Tables

DAY = pd.Timestamp("2025-03-01")


def operation(rng, n=3_000, ask=lambda c, rng: rng.random(len(c)) < 0.4):
    contacts = pd.DataFrame(
        {
            "contact_id": [f"k{i}" for i in range(n)],
            "customer_id": [f"c{i}" for i in range(n)],
            "started_at": DAY + pd.to_timedelta(np.arange(n), unit="min"),
            "resolved_at": pd.Series(DAY + pd.Timedelta(days=1), index=range(n)).where(rng.random(n) < 0.7),
            "channel": rng.choice(["phone", "chat"], n),
            "team": rng.choice(["north", "south", "west"], n),
            "agent_id": rng.choice([f"a{i:02}" for i in range(20)], n),
        }
    )
    asked = contacts[ask(contacts, rng)]
    replied = pd.Series(DAY + pd.Timedelta(days=2), index=asked.index).where(rng.random(len(asked)) < 0.3)
    surveys = pd.DataFrame(
        {"response_id": "r" + asked["contact_id"], "contact_id": asked["contact_id"], "responded_at": replied}
    )
    return Tables(contacts=contacts, surveys=surveys)


def test_the_audit_follows_cases_from_eligible_to_answered_by_hand():
    contacts = pd.DataFrame(
        {
            "contact_id": ["1", "2", "3", "4"],
            "customer_id": ["a", "b", "c", "d"],
            "case_id": ["x", "x", "y", "z"],
            "started_at": [DAY] * 4,
            "resolved_at": [None, DAY, DAY, None],
            "channel": ["phone", "phone", "chat", None],
        }
    )
    surveys = pd.DataFrame(
        {"response_id": ["p", "q", "r"], "contact_id": ["2", "3", None], "responded_at": [DAY, None, DAY]}
    )
    audit = audit_invitations(Tables(contacts=contacts, surveys=surveys))
    table = audit.table.set_index(["by", "group"])[["eligible", "invited", "answered"]]
    assert table.loc[("outcome", "closed by us")].to_list() == [2, 2, 1]
    assert table.loc[("outcome", "not closed")].to_list() == [1, 0, 0]
    assert table.loc[("channel", "phone")].to_list() == [1, 1, 1]
    assert (audit.unlinked, audit.surveys) == (1, 3)


def test_only_resolved_cases_asked_is_noticed():
    tables = operation(
        np.random.default_rng(1), ask=lambda c, rng: c["resolved_at"].notna() & (rng.random(len(c)) < 0.5)
    )
    audit = audit_invitations(tables)
    assert audit.resolved_only
    assert audit.asking == {UNRESOLVED: Asking.NEVER, REOPENED: None}


def test_fair_invitations_raise_no_alarm_in_most_operations():
    audits = [audit_invitations(operation(np.random.default_rng(seed), n=1_000)) for seed in range(10)]
    alarms = [a.table[["invited_unusual", "answered_unusual"]].to_numpy().any() for a in audits]
    assert np.sum(alarms) <= 2  # 5 % accepted
    assert not any(a.resolved_only for a in audits)


def test_a_case_that_comes_back_in_a_later_month_is_no_case_that_nobody_asked():
    """Every first contact is asked within the hour; a fifth of the cases come back next month, and stay open."""
    n, months = 1_000, pd.to_datetime(["2026-09-20", "2026-10-05"], utc=True)
    case = pd.Series(range(n)).astype("str")
    first = pd.DataFrame({"contact_id": "f" + case, "customer_id": case, "case_id": case})
    first["started_at"] = np.where(np.arange(n) % 2 == 0, *months)
    first["started_at"] = pd.to_datetime(first["started_at"], utc=True)
    back = first.iloc[:200].assign(contact_id="b" + case.iloc[:200], started_at=months[1] + pd.Timedelta("5D"))
    contacts = pd.concat([first, back], ignore_index=True)
    contacts["resolved_at"] = contacts["started_at"].where(~contacts["case_id"].isin(back["case_id"]))
    asked = first[["contact_id", "customer_id"]].assign(response_id=case, invited_at=first["started_at"])
    audit = audit_invitations(Tables(contacts=contacts, surveys=asked), since=months[1])
    assert set(audit.asking.values()) <= {Asking.ALIKE, None}
    assert audit.table["invited"].sum() == audit.table["eligible"].sum() == 500


def test_agents_who_pick_their_respondents_are_named_and_others_not():
    def pick(contacts, rng):
        chance = np.where(contacts["agent_id"].isin(["a03", "a11"]), 0.15, 0.5)
        return rng.random(len(contacts)) < chance

    table = audit_invitations(operation(np.random.default_rng(5), ask=pick)).table
    agents = table[(table["by"] == "agent_id") & table["invited_unusual"] & (table["invited_share"] < 0.3)]
    assert set(agents["group"]) == {"a03", "a11"}
    assert (agents["invited_high"] < agents["invited_expected"]).all()


def test_an_agent_of_a_channel_that_is_seldom_asked_is_not_blamed():
    rng = np.random.default_rng(2)
    tables = operation(rng)
    contacts = tables.contacts.assign(channel=np.where(tables.contacts["agent_id"] < "a05", "letter", "phone"))
    asked = contacts[rng.random(len(contacts)) < np.where(contacts["channel"] == "letter", 0.1, 0.6)]
    surveys = pd.DataFrame({"response_id": asked["contact_id"], "contact_id": asked["contact_id"], "responded_at": DAY})
    table = audit_invitations(Tables(contacts=contacts, surveys=surveys)).table
    assert table.loc[(table["by"] == "channel"), "invited_unusual"].all()
    assert not table.loc[(table["by"] == "agent_id"), "invited_unusual"].any()


def test_an_export_of_answered_surveys_is_told_from_one_with_the_silent():
    contacts = pd.DataFrame(
        {"contact_id": ["1", "2"], "customer_id": ["a", "b"], "started_at": [DAY] * 2, "team": ["n", "s"]}
    )
    surveys = pd.DataFrame({"response_id": ["1", "2"], "contact_id": ["1", "2"], "csat": [5.0, 1.0]})
    audit = audit_invitations(Tables(contacts=contacts, surveys=surveys))
    assert audit.answered_only and audit.everyone and audit.asking == {}


def test_an_audit_without_a_link_is_not_measured():
    contacts = pd.DataFrame({"contact_id": ["1"], "customer_id": ["a"], "started_at": [DAY]})
    with pytest.raises(NotMeasured, match="contact_id"):
        audit_invitations(Tables(contacts=contacts, surveys=pd.DataFrame({"response_id": ["1"]})))
    with pytest.raises(NotMeasured, match="no table"):
        audit_invitations(Tables(surveys=pd.DataFrame({"response_id": ["1"], "contact_id": ["1"]})))


def asked_frame():
    return pd.DataFrame(
        {
            "channel": ["phone"] * 40 + ["chat"] * 60,
            "segment": ["new", "loyal", "loyal", "loyal"] * 10 + ["new", "new", "loyal"] * 20,
            "responded_at": ([1.0] * 30 + [np.nan] * 10) + ([1.0] * 20 + [np.nan] * 40),
        }
    )


@pytest.mark.parametrize("method", ["raking", "propensity"])
def test_weighted_answers_look_like_all_who_were_asked(method):
    weighting = weight_responses(asked_frame(), ["channel"], method=method)
    weights = weighting.weights.dropna()
    assert len(weights) == 50
    assert weights.mean() == pytest.approx(1)
    # phone is 40 % of those asked and 60 % of the answers, chat 60 % and 40 %
    assert sorted(weights.unique()) == pytest.approx([2 / 3, 1.5], rel=1e-3)
    assert weighting.design_effect == pytest.approx(50 * (30 * 4 / 9 + 20 * 2.25) / 50**2, rel=1e-3)
    assert weighting.effective_n == pytest.approx(50 / weighting.design_effect)
    assert weighting.by == ("channel",) and not weighting.trimmed and not weighting.unmet


def test_raking_meets_every_margin():
    frame = asked_frame()
    weights = weight_responses(frame, ["channel", "segment"]).weights
    for column in ("channel", "segment"):
        target = frame[column].value_counts(normalize=True)
        weighted = weights.groupby(frame[column]).sum() / weights.sum()
        assert weighted.to_dict() == pytest.approx(target.to_dict(), abs=1e-6)


def test_margins_that_no_weights_can_meet_are_said():
    frame = asked_frame()
    frame.loc[(frame["channel"] == "chat") & (frame["segment"] == "loyal"), "responded_at"] = np.nan
    assert weight_responses(frame, ["channel", "segment"]).unmet


def test_a_group_in_which_nobody_answered_is_named():
    frame = pd.concat([asked_frame(), pd.DataFrame({"channel": ["letter"] * 5})], ignore_index=True)
    weighting = weight_responses(frame, ["channel"])
    assert weighting.unheard == (("channel", "letter"),)


def test_missing_values_and_numbers_can_be_weighted_by():
    frame = asked_frame().assign(age=np.r_[np.arange(90.0), np.full(10, np.nan)])
    weighting = weight_responses(frame, ["age"])
    assert weighting.weights.nunique() == 4  # of five fifths nobody in one answered
    assert [value for _, value in weighting.unheard] == ["(71.2, 89.0]", "not stated"]


def test_weighting_repairs_what_is_known_and_only_that():
    rng = np.random.default_rng(4)
    n = 20_000
    business = rng.random(n) < 0.3
    happy = rng.random(n) < np.where(business, 0.5, 0.8)
    by_segment = rng.random(n) < np.where(business, 0.1, 0.4)
    by_mood = rng.random(n) < np.where(happy, 0.4, 0.16)
    csat = pd.Series(np.where(happy, 5.0, 1.0))
    for replied, closes in ((by_segment, True), (by_mood, False)):
        frame = pd.DataFrame({"segment": business, "responded_at": np.where(replied, 1.0, np.nan)})
        weights = weight_responses(frame, ["segment"]).weights
        weighted = top_box_share(csat[replied], weights=weights[replied])
        assert (abs(weighted.value - happy.mean()) < 0.02) == closes
    # the silent cannot be weighted away, but the bounds hold the truth
    bounds = bound_score(csat.where(by_mood), top_box_share, scale=(1, 5), against=0.8)
    assert bounds.low < happy.mean() < bounds.high
    assert bounds.open


def test_extreme_weights_are_trimmed_and_said():
    frame = pd.DataFrame({"team": ["a"] * 5_000 + ["b"] * 5_000, "responded_at": [1.0] * 5_005 + [np.nan] * 4_995})
    weighting = weight_responses(frame, ["team"])
    assert weighting.trimmed == 5
    assert weighting.unmet == ("team",)
    assert weighting.weights.max() == pytest.approx(5, rel=0.01)


def test_weights_need_an_answer_and_known_names():
    with pytest.raises(ValueError, match="nobody answered"):
        weight_responses(asked_frame().assign(responded_at=None), ["channel"])
    with pytest.raises(ValueError, match="Expected 'raking' or 'propensity'"):
        weight_responses(asked_frame(), ["channel"], method="magic")
    with pytest.raises(ValueError, match=r"needs columns \['region'\]"):
        weight_responses(asked_frame(), ["region"])


def test_bounds_of_the_net_promoter_score_by_hand():
    s = pd.Series([10] * 50 + [8] * 30 + [2] * 20 + [None] * 100)
    bounds = bound_score(s, complainers=pd.Series([0, 0, 0, 9]))
    assert (bounds.observed.value, bounds.low, bounds.high) == (30, -35, 65)
    assert bounds.like_complainers == pytest.approx(0.5 * 30 + 0.5 * -50)
    assert (bounds.invited, bounds.answered, bounds.open) == (200, 100, True)


def test_bounds_close_when_nearly_everybody_answered():
    bounds = bound_score(pd.Series([10] * 900 + [2] * 50 + [None] * 20))
    assert not bounds.open
    assert bounds.low > 0


def test_without_silence_the_bounds_are_the_figure():
    bounds = bound_score(pd.Series([10, 10, 0] * 100))
    assert bounds.low == bounds.high == bounds.observed.value
    assert np.isnan(bounds.like_complainers)
    assert not bounds.open


def test_bounds_of_a_mean_use_its_scale():
    bounds = bound_score(
        pd.Series([7.0, 5.0, None, None]), lambda s, **k: mean_score(s, scale=(1, 7), **k), scale=(1, 7), against=4
    )
    assert (bounds.low, bounds.high) == (3.5, 6.5)


def test_unhappy_respondents_dropped_leave_the_side_open_not_higher():
    rng = np.random.default_rng(9)
    everyone = pd.Series(rng.choice([10, 8, 2], 600, p=[0.45, 0.2, 0.35]), dtype=float)
    dropped = everyone.mask((everyone <= 6) & (rng.random(600) < 0.6))
    assert net_promoter_score(dropped).low > net_promoter_score(everyone).value
    bounds = bound_score(dropped, against=net_promoter_score(everyone).value + 5)
    assert bounds.open


def test_nobody_answering_is_refused():
    with pytest.raises(ValueError, match="no answer to measure"):
        bound_score(pd.Series([None, None]))


def test_the_planted_pickers_of_the_demo_are_found(demo):
    tables, truth = demo
    audit = audit_invitations(tables)
    agents = audit.table[(audit.table["by"] == "agent_id") & audit.table["invited_unusual"]]
    fewer = agents.loc[agents["invited_share"] < 0.9 * agents["invited_expected"], "group"]
    assert set(truth.cherry_picking_agents) == set(fewer)
    assert audit.resolved_only
    scores = tables.surveys["csat"]
    bounds = bound_score(scores, top_box_share, scale=(1, 5), against=truth.invited_satisfied)
    assert bounds.low < truth.invited_satisfied < bounds.high
    assert bounds.observed.low > truth.invited_satisfied  # what was said is better than what is
