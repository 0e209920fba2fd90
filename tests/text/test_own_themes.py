"""Own themes: what the settings refuse, what heads learn from a dozen examples, and what becomes of readings."""

import json

import numpy as np
import pandas as pd
import pytest

from analytics.config import ConfigError, load_config
from analytics.measures.read_shares import share_with_readings
from analytics.report.checked import check_share, flag_texts
from analytics.report.words import name_blamed, name_thanked
from analytics.text.own_themes import ThemeList, draw_beside, examine_theme, fit_theme, fit_themes
from analytics.text.readings import COLUMNS, LabelStore, Reading, find_readings, flag_labels, text_hash
from analytics.text.scored import score_texts
from analytics.text.themes import THEMES, ThemeTag
from analytics.theme_settings import Theme

ORGANISATION = '[organisation]\nname = "Acme"\n[sources.surveys]\npath = "answers.csv"\n'
MODELS = ["fast", "accurate"]
WHO = ["The engineer", "Your technician", "The fitter", "The installer"]
NOT_THERE = ["never came", "did not turn up", "was hours late", "cancelled on the day", "missed the slot"]
WHERE = ["to install the router", "for our installation", "to connect the line", "to fit the meter"]
OTHERS = ["The bill was", "Your website is", "The lady on the phone was", "My refund is", "The app was", "The price is"]
WHAT = [
    "wrong again",
    "very slow",
    "kind and patient",
    "far away",
    "still missing",
    "crashing all day",
    "too high",
    "late",
]
WHEN = ["this week", "in May", "as always", "on Monday", "for my mother"]
MANY = [
    "My cat",
    "Rain today",
    "Blue paint",
    "Ten to six",
    "A long way",
    "Who knows",
    "Ask Bob",
    "No tea",
    "Look",
    "North",
]


def about(rng: np.random.Generator, n: int) -> list[str]:
    return [f"{rng.choice(WHO)} {rng.choice(NOT_THERE)} {rng.choice(WHERE)} {rng.choice(WHEN)}" for _ in range(n)]


def beside(rng: np.random.Generator, n: int) -> list[str]:
    return [f"{rng.choice(OTHERS)} {rng.choice(WHAT)} {rng.choice(WHEN)}" for _ in range(n)]


def taught(rng: np.random.Generator, **more: object) -> Theme:
    return Theme(label="late engineers", examples=[*dict.fromkeys(about(rng, 60))][:12], **more)


def settings(tmp_path, text: str):
    (tmp_path / "perception.toml").write_text(ORGANISATION + text, encoding="utf-8")
    return load_config(tmp_path / "perception.toml")


def own(examples: list[str], **keys: object) -> str:
    lines = {"label": "late", "examples": examples, **keys}
    return "[themes.late]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())


TEN = [f"late example {word}" for word in "abcdefghij"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (own(TEN[:4]), r"late: has 4 different examples\. At least 10"),
        (own([*TEN[:9], TEN[0].upper()]), "late: has 9 different examples"),
        (own(TEN, counter_examples=[TEN[2].upper()]), "is both an example and a counter-example"),
        (own(TEN, label=""), "late: needs a label"),
        (own(TEN, off=True), "only shipped themes can be switched off"),
        (own(TEN).replace("[themes.late]", "[themes.waiting]"), "waiting: is a shipped theme: it can be renamed"),
        (own(TEN).replace("[themes.late]", "[themes.leaving]"), "leaving: cannot be a theme's name"),
        (own(TEN).replace("[themes.late]", '[themes."Late ones"]'), "Late ones: cannot be a theme's name"),
        ('[themes.x]\nlabel = "x"\njoin = ["waiting", "wating"]', "x: joins wating, which is no theme. Known: waiting"),
        (
            '[themes.x]\nlabel = "x"\njoin = ["waiting"]\n[themes.waiting]\noff = true',
            "joins waiting, which is switched",
        ),
        ('[themes.x]\nlabel = "x"\njoin = ["waiting"]\n[themes.y]\nlabel = "y"\njoin = ["waiting"]', "joined twice"),
        ("[themes.promise_broken]\noff = true", "promise_broken can be renamed only"),
        ('[themes.late]\nlabel = "x"\nexamples = "none.csv"', "late.examples: .*none.csv cannot be read"),
        ('[themes.late]\nlable = "x"', "Did you mean 'label'?"),
    ],
)
def test_a_theme_that_cannot_be_taught_is_refused_with_the_reason(tmp_path, text, fault):
    with pytest.raises(ConfigError, match=fault):
        settings(tmp_path, text)


def test_examples_may_stand_in_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "themes").mkdir()
    rows = "text,where\n" + "".join(f'"{text}, indeed",x\n' for text in TEN)
    (tmp_path / "themes/late.csv").write_text(rows, encoding="utf-8-sig")
    config = settings(tmp_path, '[themes.late]\nlabel = "late"\nexamples = "themes/late.csv"\n')
    assert config.themes["late"].examples == [f"{text}, indeed" for text in TEN]


def test_shipped_themes_are_renamed_joined_and_left_out():
    themes = ThemeList({
        "waiting": Theme(label="delays"), "unwanted_selling": Theme(off=True),
        "chasing": Theme(label="chasing us", join=["transferred", "repeat_contact"]),
    })  # fmt: skip
    assert {*THEMES} - {*themes.names} == {"transferred", "repeat_contact", "unwanted_selling"}
    assert themes.names[-1] == "chasing"
    named = name_blamed(themes)
    assert (named["waiting"], named["chasing"], named["courtesy"]) == ("delays", "chasing us", "how they were treated")
    assert name_thanked(themes)["chasing"] == "chasing us" and name_thanked(themes)["waiting"] == "being served at once"
    tags = [ThemeTag("transferred", "negative", 0.4), ThemeTag("repeat_contact", "positive", 0.9)]
    (tag,) = themes.rename([*tags, ThemeTag("unwanted_selling", "negative", 0.8)])
    assert (tag.theme, tag.polarity) == ("chasing", "positive")


@pytest.mark.parametrize("model", MODELS)
def test_a_dozen_examples_find_a_theme_among_other_texts(model):
    named, wrong = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        head = fit_theme(taught(rng), draw_beside(beside(rng, 490) + about(rng, 10)), model)
        named.append((head.score(about(rng, 40)) >= head.cut).mean())
        wrong.append((head.score(beside(rng, 400)) >= head.cut).mean())
    assert np.mean(named) > 0.6 and np.mean(wrong) < 0.02


def test_a_text_that_has_nothing_in_common_with_any_other_names_no_theme():
    head = fit_theme(Theme(label="mixed", examples=MANY), draw_beside(beside(np.random.default_rng(0), 200)), "fast")
    assert not (head.score(["zyzzyva", "qwertz uiop"]) >= head.cut).any()


def test_the_order_of_examples_and_texts_does_not_matter():
    rng = np.random.default_rng(0)
    theme, texts = taught(rng, counter_examples=["The engineer was early", "A very kind fitter"]), beside(rng, 200)
    other_way = theme.model_copy(update={"examples": theme.examples[::-1]})
    head, again = fit_theme(theme, draw_beside(texts), "fast"), fit_theme(other_way, draw_beside(texts[::-1]), "fast")
    assert head.version == again.version and head.cut == again.cut
    assert head.score(texts).tolist() == again.score(texts).tolist()


def test_counter_examples_move_the_head_away_from_what_they_say():
    rng = np.random.default_rng(1)
    near = [f"{who} was {how} to install the router" for who in WHO for how in ("early", "quick", "friendly")]
    texts = draw_beside(beside(rng, 200))
    plain, warned = (fit_theme(taught(np.random.default_rng(1), counter_examples=c), texts, "fast") for c in ([], near))
    assert (warned.score(near) - warned.cut).mean() < (plain.score(near) - plain.cut).mean()


def test_a_head_without_other_texts_is_refused():
    with pytest.raises(ValueError, match="own texts beside its examples"):
        fit_theme(taught(np.random.default_rng(0)), [], "fast")


def test_what_is_said_of_an_own_theme_is_said_in_the_clause_that_names_it():
    rng = np.random.default_rng(0)
    head = fit_theme(taught(rng), draw_beside(beside(rng, 300)), "fast")
    ((tag,), none) = head.tag(
        "late", ["Lovely staff! The fitter never came to install the router.", "The bill was wrong."]
    )
    assert (tag, tag.polarity, none) == ("late", "negative", [])


def test_a_head_is_kept_until_its_definition_changes_and_holds_no_text(tmp_path):
    rng = np.random.default_rng(0)
    config = settings(tmp_path, own(taught(rng).examples))
    texts = beside(rng, 150)
    first = fit_themes(config, texts)
    kept = {file.name: file.read_bytes() for file in (tmp_path / "data/derived/themes").glob("*.npz")}
    later = fit_themes(config, beside(rng, 80))
    assert {key: head.version for key, head in first.heads.items()} == {k: h.version for k, h in later.heads.items()}
    assert first.heads["late", "fast"].score(texts).tolist() == later.heads["late", "fast"].score(texts).tolist()
    assert not any(word in content for content in kept.values() for word in (b"engineer", b"router"))
    for name, content in kept.items():
        (tmp_path / "data/derived/themes" / name).write_bytes(content[: len(content) // 2])
    mended = fit_themes(config, texts)
    assert {key: head.version for key, head in mended.heads.items()} == {k: h.version for k, h in first.heads.items()}
    changed = settings(tmp_path, own(taught(rng).examples, definition="Nobody came to install it."))
    assert fit_themes(changed, texts).heads["late", "fast"].version != first.heads["late", "fast"].version
    now = {file.name for file in (tmp_path / "data/derived/themes").glob("*.npz")}
    assert len(now) == len(kept) and not now & {*kept}


def test_texts_are_scored_with_the_own_themes_and_a_cache_never_answers_for_another_definition(tmp_path):
    rng = np.random.default_rng(0)
    texts = beside(rng, 150)
    theme = taught(rng)
    themes = fit_themes(settings(tmp_path, own(theme.examples)), texts)
    ours, options = about(np.random.default_rng(9), 5), {"model": "fast", "cache": tmp_path / "cache"}
    first, again = (score_texts(ours, themes=themes, **options)["themes"] for _ in range(2))
    assert sum("late" in tags for tags in first) >= 4
    assert [[*map(repr, tags)] for tags in first] == [[*map(repr, tags)] for tags in again]
    other = fit_themes(settings(tmp_path, own(["There is no parking", *MANY])), texts)
    assert sum("late" in tags for tags in score_texts(ours, themes=other, **options)["themes"]) <= 1
    assert not any("late" in tags for tags in score_texts(ours, **options)["themes"])


def row(text: str, themes: ThemeList, **about_it: object) -> dict[str, str]:
    values = (text_hash(text), "Ann", "2026-10-01T00:00:00+00:00", "random", "2026-10")
    return dict(zip(COLUMNS, values, strict=False)) | Reading("negative", **about_it).as_row(themes.names)


def test_a_reader_who_was_not_offered_a_theme_did_not_say_no_to_it(tmp_path):
    before = ThemeList()
    now = ThemeList({
        "late": Theme(label="late", examples=TEN), "chasing": Theme(label="c", join=["transferred", "repeat_contact"])
    })  # fmt: skip
    store = LabelStore(tmp_path / "a.csv")
    store.add(row("one", before, blame=("transferred",)), row("two", before))
    store.add(row("three", now, blame=("late", "chasing")), row("four", now))
    flags = flag_labels(store.read(), now)
    assert np.array_equal(flags["late"], [np.nan, np.nan, 1, 0], equal_nan=True)
    assert flags["chasing"].tolist() == [1, 0, 1, 0] and "transferred" not in flags
    apart = flag_labels(store.read(), before)
    assert np.array_equal(apart["transferred"], [1, 0, np.nan, np.nan], equal_nan=True)
    with pytest.raises(ValueError, match="'transferred' is not known"):
        row("five", now, blame=("transferred",))


def test_readings_of_earlier_versions_are_read_and_a_theme_since_removed_is_no_fault(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    late = ThemeList({"late": Theme(label="late", examples=TEN)})
    store.add(row("one", late, blame=("late",)))
    assert "late" not in flag_labels(store.read())
    old = tmp_path / "old.csv"
    pd.DataFrame([row("one", ThemeList(), blame=("waiting",))]).drop(columns="offered").to_csv(old, index=False)
    assert flag_labels(LabelStore(old).read())["waiting"].tolist() == [1]


def flagged(rng: np.random.Generator, n: int, share: float) -> pd.DataFrame:
    """Texts of a period, their truth, and tags that miss a third of them and are wrong in one of twenty others."""
    truth = rng.random(n) < share
    tagged = np.where(truth, rng.random(n) < 0.67, rng.random(n) < 0.05)
    frame = pd.DataFrame({"truth": truth.astype(float), "text": "some words", "words": 2, "period": "2026-10"})
    names = [["late"] if flag else [] for flag in tagged]
    tags = [[ThemeTag(name, "negative", 0.9) for name in of_one] for of_one in names]
    return frame.assign(negative_themes=names, themes=tags, sentiment="negative", customer_id=np.arange(n).astype(str))


def test_the_share_of_an_own_theme_is_not_known_without_readings_and_is_that_of_readers_with_them():
    texts = flagged(np.random.default_rng(0), 1000, 0.1)
    nobody = pd.DataFrame({"late": pd.Series(dtype=float)})
    assert check_share("late", texts, texts, nobody, "fast", 0.95).method == "not known"
    held = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        texts = flagged(rng, 1000, 0.1)
        read = texts["truth"].iloc[rng.permutation(1000)[:150]]
        estimate = share_with_readings(flag_texts(texts, "late"), read)
        held.append(estimate.low <= texts["truth"].mean() <= estimate.high)
    assert np.mean(held) >= 0.93


def test_readings_of_an_own_theme_find_their_texts(tmp_path):
    themes = ThemeList({"late": Theme(label="late", examples=TEN)})
    texts = pd.DataFrame({"comment_id": ["a", "b"], "period": "2026-10", "text": ["one", "two"]})
    store = LabelStore(tmp_path / "a.csv")
    store.add(row("one", themes, blame=("late",)), row("two", themes, praise=("late",)))
    labels = find_readings(store.read(), texts, themes)
    assert labels["late"].tolist() == [1, 0] and labels["praise:late"].tolist() == [0, 1]


def test_examples_that_say_one_thing_are_steadier_than_examples_that_say_many():
    rng = np.random.default_rng(0)
    texts = draw_beside(beside(rng, 250) + about(rng, 6))
    steady, found = examine_theme(taught(rng), texts, "fast")
    mixed = Theme(label="mixed", examples=MANY)
    shaky, lost = examine_theme(mixed, texts, "fast")
    assert steady > 0.5 and found > 0.5 and lost < 0.2 and not shaky >= steady


def test_a_configuration_without_own_themes_has_the_shipped_ones(tmp_path):
    config = settings(tmp_path, "")
    assert ThemeList(config.themes).names == THEMES and fit_themes(config, []).heads == {}
