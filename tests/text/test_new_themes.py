"""What is new: planted topics come out, nothing comes out of nothing, and the same groups come out every time."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analytics.measures.discoveries import discovery_threshold
from analytics.tables.demo import comments as demo_comments
from analytics.text import new_themes
from analytics.text.encoder import Encoder
from analytics.text.new_themes import find_new_themes, keep_centres, read_centres
from analytics.text.phrases import distinctive_phrases, name_groups

SEEDS = range(3)
BANK = demo_comments.bank()
LINES = [
    f"{start} {end}"
    for start in ("A fraudster knew my account", "Strangers have my account details", "Somebody stole my bank details")
    for end in ("and called me.", "after your data leak.", "and took my money.", "which only you hold.")
]  # fmt: skip
OTHERS = [
    re.sub(r"\{\w+\}", "nine", line)
    for (kind, _, polarity), lines in sorted(BANK.items())
    if kind == "sentence" and polarity == "negative"
    for line, _ in lines
]
TOPIC = "|".join(re.escape(line) for line in LINES)


def draw_months(
    seed: int, share: float, months_with: int = 1, size: int = 200
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Texts of four months, two sentences each, of which in the last months a share ends with one on the topic."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in range(4):
        for number in range(size):
            has = month >= 4 - months_with and number < share * size
            lines = [*rng.choice(OTHERS, 2, replace=False), *([rng.choice(LINES)] if has else [])]
            rows.append((" ".join(lines), f"2026-{month + 1:02d}", f"{month}-{number}"))
    texts, periods, people = zip(*rows, strict=True)
    return pd.Series(texts), pd.Series(periods), pd.Series(people)


@pytest.fixture(scope="module")
def embed():
    rows: dict[str, np.ndarray] = {}

    def read(clauses: list[str]) -> np.ndarray:
        new = [clause for clause in clauses if clause not in rows]
        rows.update(zip(new, Encoder.load().embed(new), strict=True))
        return np.stack([rows[clause] for clause in clauses])

    return read


def untagged(clauses: list[str]) -> list[list[str]]:
    return [[] for _ in clauses]


def told(groups: pd.DataFrame) -> pd.DataFrame:
    return groups[groups["p_value"] <= discovery_threshold(groups["p_value"])]


def test_a_planted_topic_comes_out_with_its_people_and_its_month(embed) -> None:
    for seed in SEEDS:
        months = draw_months(seed, share=0.25)
        found = told(find_new_themes(*months, embed=embed, tag=untagged))
        assert len(found), seed
        first = found.iloc[0]
        named = months[0].iloc[first["members"]].str.contains(TOPIC)
        assert named.mean() >= 0.7, seed
        assert first["first_period"] == "2026-04"
        assert first["people"] <= first["writers"] and first["share_before"] < 0.02 < first["share_now"]


def test_what_is_written_word_for_word_every_month_is_not_new(embed) -> None:
    lines = np.array(OTHERS[:24])
    for seed in SEEDS:
        texts = pd.Series(np.random.default_rng(seed).choice(lines, 10 * 300))
        periods = pd.Series([f"2026-{month:02d}" for month in range(1, 11) for _ in range(300)])
        groups = find_new_themes(texts, periods, embed=embed, tag=untagged)
        assert groups["share_before"].min() > 0
        assert told(groups).empty, groups[["examples", "share_now", "share_before"]]


def test_nothing_is_new_where_nothing_is(embed) -> None:
    false = [len(told(find_new_themes(*draw_months(seed, share=0.0), embed=embed, tag=untagged))) for seed in SEEDS]
    assert sum(map(bool, false)) <= 1


def test_groups_do_not_hang_on_the_order_of_rows(embed) -> None:
    texts, periods, people = draw_months(1, share=0.25)
    order = np.random.default_rng(0).permutation(len(texts))
    groups = find_new_themes(texts, periods, people, embed=embed, tag=untagged)
    again = find_new_themes(texts[order], periods[order], people[order], embed=embed, tag=untagged)
    assert groups["examples"].tolist() == again["examples"].tolist()
    assert [sorted(order[places]) for places in again["members"]] == [sorted(m) for m in groups["members"]]


def test_kappa_of_two_orders_of_rows_is_one_where_nobody_is_known_and_lines_are_repeated(embed) -> None:
    texts, periods, _ = (column.reset_index(drop=True) for column in draw_months(1, share=0.25))
    texts, periods = pd.concat([texts, texts[::3]], ignore_index=True), pd.concat([periods, periods[::3]])
    order = np.random.default_rng(3).permutation(len(texts))
    labels = []
    for places in (np.arange(len(texts)), order):
        groups = find_new_themes(texts.iloc[places], periods.iloc[places], embed=embed, tag=untagged)
        labels.append(pd.Series("none", range(len(texts))))
        for example, members in zip(groups["examples"].str[0], groups["members"], strict=True):
            labels[-1][places[members]] = example
    assert cohen_kappa_score(*labels) >= 0.9 and labels[0].nunique() > 2


def test_a_group_keeps_its_id_over_months(embed, tmp_path) -> None:
    texts, periods, people = draw_months(2, share=0.25, months_with=2)
    earlier = periods < "2026-04"
    march = find_new_themes(texts[earlier], periods[earlier], people[earlier], embed=embed, tag=untagged)
    keep_centres(tmp_path, "2026-03", march, {})
    centres = read_centres(tmp_path, "2026-04")
    april = find_new_themes(texts, periods, people, embed=embed, tag=untagged, earlier=centres)
    assert set(told(april)["group"]) & set(told(march)["group"])
    assert april["group"].is_unique
    assert not read_centres(tmp_path, "2026-03"), "a report looks only at months before its own"
    kept = tmp_path / "2026-03.npz"
    kept.write_bytes(kept.read_bytes()[:-40])
    assert not read_centres(tmp_path, "2026-04"), "a damaged look is none"


def test_a_covered_topic_is_not_new(embed) -> None:
    months = draw_months(0, share=0.25)
    everything = find_new_themes(*months, embed=embed, tag=lambda clauses: [["waiting"]] * len(clauses))
    assert everything.empty


def test_one_person_who_writes_often_is_one_person(embed) -> None:
    texts, periods, people = draw_months(0, share=0.25)
    one = people.where(~texts.str.contains(TOPIC), "the same")
    assert (
        not told(find_new_themes(texts, periods, one, embed=embed, tag=untagged))["phrases"]
        .map(lambda p: "fraud" in p)
        .any()
    )


def test_examples_and_phrases_hold_no_personal_data(embed) -> None:
    texts, periods, people = draw_months(0, share=0.25)
    signed = texts.where(
        ~texts.str.contains(TOPIC),
        "It was Mr. Szczepanski says " + texts.str[:-1] + ", my number is 07700 900123, Zebedee Quux.",
    )
    groups = find_new_themes(signed, periods, people, names=["Zebedee Quux"], embed=embed, tag=untagged)
    printed = str(groups[["phrases", "examples"]].to_dict())
    assert "Szczepanski" not in printed, "the title that tells of a name ends the clause before"
    assert "900123" not in printed and "quux" not in printed.lower() and "zebedee" not in printed.lower()


@pytest.mark.parametrize(("now", "looked_at"), [(500, (300, 300)), (120, (120, 360)), (1_500, (300, 300))])
def test_of_what_is_looked_at_half_is_of_the_latest_period_where_there_is_so_much(monkeypatch, now, looked_at) -> None:
    monkeypatch.setattr(new_themes, "CLAUSES", 600)
    periods = ["2026-02"] * now + ["2026-01"] * (2_000 - now)
    _, clauses = new_themes._sample(new_themes._frame([f"line number {n}" for n in range(2_000)], periods, None))
    assert clauses["period"].value_counts().reindex(["2026-02", "2026-01"]).tolist() == [*looked_at]


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="2 for text, 1 for period"):
        find_new_themes(["a", "b"], ["2026-01"])


def test_no_text_gives_no_group_and_no_history_no_p_value(embed) -> None:
    assert find_new_themes([], []).empty
    texts, periods, people = draw_months(0, share=0.25)
    now = periods == "2026-04"
    alone = find_new_themes(texts[now], periods[now], people[now], embed=embed, tag=untagged)
    assert len(alone) and alone["p_value"].isna().all() and alone["share_before"].isna().all()


def test_phrases_are_no_fragments_and_share_no_word() -> None:
    late = [
        "My 5th call about faster broadband",
        "Faster broadband on the 6th, [name] said",
        "faster broadband 7th",
    ] * 3
    kind = [f"She was kind and it took {n} minutes" for n in range(9)]
    table = distinctive_phrases(pd.Series(late + kind), pd.Series([True] * 9 + [False] * 9))
    assert "th" not in set(table["phrase"]) and "name" not in set(table["phrase"])
    content = [word for phrase in table["phrase"] for word in phrase.split()]
    assert len(content) == len(set(content))
    names = name_groups(pd.Series(late + kind), pd.Series(["late"] * 9 + ["kind"] * 9))
    assert {"faster", "broadband"} & set(" ".join(names["late"]).split())
