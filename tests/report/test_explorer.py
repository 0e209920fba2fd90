"""The explorer shows the texts behind a figure: as many as the figure counts, redacted, and corrected by a click."""

import tomllib
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest

from analytics import load_config, report
from analytics.measures.estimate import SAID
from analytics.publish.blocks import finding
from analytics.report import actions, explorer, facts, labelling, last_time, tested, texts
from analytics.report.new_themes import toml_of
from analytics.report.progress import Progress
from analytics.report.query import Query, recorded_as
from analytics.report.story import load_story
from analytics.report.words import THEME_WORDS
from analytics.text.new_themes import find_new_themes
from analytics.text.own_themes import fit_themes
from analytics.text.pages import Pages, Part, key_of
from analytics.text.readings import Reading, find_store, open_session, text_hash
from analytics.text.redact import redact
from analytics.theme_settings import Theme
from tests.text.planted import FILE, measure

THREAD = "Still broken.\n\nOn Tue, 5 May 2026 at 08:12, Care <care@acme.example> wrote:\n> Sorry to hear, Ann Lee!"
COMMENTS = {
    "a": ("Refund refused, nobody called back", 2),
    "b": ("I have been waiting three weeks for the engineer", 3),
    "c": ("Lovely staff, thank you", 10),
    "d": ("=1+1 is how they count refunds", 5),
    "e": (THREAD, 4),
    "f": ("STOP", 9),
}


@pytest.fixture(scope="module")
def demo_story(demo_organisation):
    return load_story(demo_organisation, "2026-10").prepare()


@pytest.fixture
def organisation(tmp_path):
    ids, (texts, scores) = list(COMMENTS), zip(*COMMENTS.values(), strict=True)
    days = [f"2025-03-0{day}" for day in range(1, 7)]
    frame = pd.DataFrame({"response_id": ids, "responded_at": days, "nps": scores, "comment": texts})
    frame["touchpoint"] = ["shop", "repair"] * 3
    frame.to_csv(tmp_path / "surveys.csv", index=False)
    columns = "".join(f"{c} = '{c}'\n" for c in ("response_id", "responded_at", "nps", "comment"))
    (tmp_path / "map.toml").write_text(f"[surveys]\n{columns}[surveys.extra]\ntouchpoint = 'touchpoint'\n")
    toml = "[organisation]\nname = 'Acme'\n[sources.surveys]\npath = 'surveys.csv'\nmap = 'map.toml'\n"
    (tmp_path / "perception.toml").write_text(toml)
    return tmp_path / "perception.toml"


@pytest.fixture
def story(organisation):
    return load_story(organisation, "2025-03")


def ids(story, **asked):
    return "".join(sorted(report.explore(story, **asked).rows["comment_id"]))


def opened(call, story):
    """What a call under a figure opens, typed as it stands."""
    return eval(call, {"report": report, "story": story})


# the number above the texts is that of the figure


def test_every_theme_of_the_table_of_problems_opens_as_many_texts_as_were_counted(demo_story):
    n = len(demo_story.critical)
    for _, row in demo_story.problem_table.iterrows():
        texts = report.explore(demo_story, theme=row["theme"], polarity="negative", among="critical")
        assert texts.count == round(row["counted"] * n), row["theme"]
    named = report.explore(demo_story, theme="being passed around", polarity="negative", among="critical")
    assert named.query.theme == "transferred", "a theme opens by what the table calls it, too"


def test_every_trait_thanked_for_opens_as_many_texts_as_give_thanks(demo_story):
    texts = facts.voices(demo_story)
    for theme in THEME_WORDS:
        found = report.explore(demo_story, theme=theme, polarity="positive", among="voices")
        assert found.count == texts["praised"].map(lambda names, t=theme: t in names).sum(), theme
    teams = facts.thanks_by_team(demo_story)
    for team, row in teams.iterrows():
        where = f'team = "{team}"'
        assert report.explore(demo_story, polarity="positive", where=where, among="voices").count == row["thanked"]
        assert report.explore(demo_story, where=where, among="voices").count == row["texts"]


def test_leaving_mood_complaints_and_unreadable_texts_open_as_many_as_are_counted(demo_story):
    written, unread = demo_story.written, demo_story.unread
    leaving = (written["churn_intent"] >= 0.5).sum()
    assert report.explore(demo_story, leaving=True, among="written").count == leaving
    for mood in ("negative", "neutral", "positive"):
        found = report.explore(demo_story, mood=mood, among="written")
        assert found.count == written["sentiment"].eq(mood).sum()
    assert report.explore(demo_story, mood="unknown").count == unread.unread
    assert report.explore(demo_story).count == unread.total
    (asked,) = [b for b in report.show_recovery(demo_story).blocks if b.data.get("key") == "complaints:promise"]
    (call,) = asked.data["opens"]
    assert f" {opened(call, demo_story).count:,} complaints" in asked.data["sentence"]


def test_polite_words_of_the_unhappy_open_as_many_texts_as_the_sentence_counts(demo_story):
    told = report.show_mismatches(demo_story).blocks[0]
    (figure,), (call,) = told.data["evidence"], told.data["opens"]
    assert opened(call, demo_story).count == round(figure["value"] * figure["n"])


def test_each_kind_of_words_taken_out_opens_as_many_texts_as_its_row_counts(demo_story, monkeypatch):
    monkeypatch.setattr(type(demo_story), "k", 1)  # the demo's month holds few of each kind
    told, table = report.show_own_words(demo_story).blocks
    (call,) = told.data["opens"]
    assert told.data["sentence"].startswith(f"{opened(call, demo_story).count:,} of {len(demo_story.texts_now):,} ")
    heads = [column["label"] for column in table.data["columns"]]
    for call, row in zip(table.data["opens"], table.data["rows"], strict=True):
        assert opened(call, demo_story).count == row[heads.index("Texts")]


def test_each_side_of_a_comparison_opens_as_many_texts_as_its_story_counts(demo_story):
    calls = [call for block in report.compare(demo_story).blocks for call in block.data.get("opens", ())]
    assert {"2026-09", "2026-10"} == {call.split('"')[1] for call in calls}
    for call in calls:
        texts = opened(call, demo_story)
        asked, counted = texts.query, getattr(texts.story, texts.query.among)
        named = counted["negative_themes"].map(lambda names, t=asked.theme: t in names)
        assert texts.count == named.sum() if asked.theme else texts.count <= len(counted), call


def test_a_new_theme_opens_the_texts_that_name_it(demo_story):
    listing = next(block for block in report.show_new_themes(demo_story).blocks if block.kind == "table")
    groups = demo_story.new_themes.set_index("group")
    (call,) = listing.data["opens"]
    assert opened(call, demo_story).count == groups.loc[opened(call, demo_story).query.group, "n"]
    with pytest.raises(ValueError, match="group 'x' is not known"):
        report.explore(demo_story, group="x")


def test_praise_in_texts_that_may_name_a_problem_is_no_new_problem(story, monkeypatch):
    said = [["Many thanks to all of you", "Lovely people, brilliant service"], ["Strangers have my details", "Hacked!"]]
    made = {"group": ["a", "b"], "examples": said, "members": [[0], [1]], "centre": [np.zeros(2)] * 2}
    made |= {"p_value": [1e-9, 1e-9], "people": [50, 50]}
    monkeypatch.setattr(texts, "find_new_themes", lambda *args, **options: pd.DataFrame(made))
    assert story.new_themes["praise"].tolist() == [True, False]
    monkeypatch.setattr(tested, "cut", lambda story: 0.05)
    assert tested.new_themes(story)["group"].tolist() == ["b"]


def test_what_was_said_last_time_of_a_theme_opens_its_texts(demo_story, monkeypatch):
    theme = demo_story.problem_table.dropna(subset="value")["theme"].iloc[0]
    figure = {"value": 0.9, "low": 0.85, "high": 0.95, "n": 400, "unit": "share", "source": SAID}
    claim = {"key": f"problem:{theme}", "sentence": "So many.", "signal": None, "evidence": [figure]}
    monkeypatch.setattr(last_time, "last_claims", lambda story: (1, [claim], {}))
    listing = report.show_last_time(demo_story).blocks[-1]
    (call,) = listing.data["opens"]
    row = demo_story.problem_table.set_index("theme").loc[theme]
    assert opened(call, demo_story).count == round(row["counted"] * len(demo_story.critical))


def test_what_an_action_was_to_move_opens_the_texts_of_those_whom_it_touched(demo_story):
    action = next(action for action in demo_story.config.actions if "kept_informed" in action.expects)
    (call,) = actions._opened(finding("Noticed."), action, demo_story).data["opens"]
    texts = opened(call, demo_story)
    assert texts.count and texts.rows["team"].eq("Orders").all() and texts.rows["period"].nunique() > 1


def test_recorded_categories_open_their_complaints_where_any_is_written(organisation):
    kinds = [f"kind {n % 40}" for n in range(80)]
    frame = pd.DataFrame({"complaint_id": range(80), "received_at": "2025-03-05", "category": kinds})
    frame["text"] = [None if kind == "kind 1" else "Nobody came to mend it" for kind in kinds]
    frame.to_csv(organisation.parent / "complaints.csv", index=False)
    with organisation.open("a") as file:
        file.write("[sources.complaints]\npath = 'complaints.csv'\n")
    story = load_story(organisation, "2025-03")
    (asked,) = recorded_as(story, "kind 2")
    assert opened(asked.call, story).count == 2 and recorded_as(story, "kind 1") == []


SECTIONS = ["problems", "leaving", "recovery", "shares", "mismatches", "phrases", "promises"]


@pytest.mark.parametrize("name", [*SECTIONS, "own_words", "new_themes"])
def test_a_section_names_calls_under_its_figures_about_texts_and_each_of_them_opens(demo_story, name):
    blocks = getattr(report, f"show_{name}")(demo_story).blocks
    calls = [call for block in blocks for call in block.data.get("opens", ())]
    assert calls
    for call in calls:
        assert opened(call, demo_story).count > 0, call
    assert all("opens" in block.data for block in blocks if block.kind == "quotes")


def test_the_calls_stand_in_notebooks_and_on_no_page(demo_report):
    folder = demo_report.parent
    assert "report.explore(story" in (folder / "notebook.ipynb").read_text(encoding="utf-8")
    for name in ("report.html", "claims.json"):
        assert "explore(" not in (folder / name).read_text(encoding="utf-8")


# what can be asked


def test_words_begin_a_word_and_phrases_stand_as_they_are(story):
    assert ids(story, words="refund") == "ad" and ids(story, words="REFUND nobody") == "a"
    assert ids(story, words='"called back"') == "a" and ids(story, words='"call back"') == ""
    assert ids(story, words="efund") == "" and ids(story, words="(") == ""


def test_scores_groups_days_and_other_periods_narrow_the_choice(story, organisation):
    assert ids(story, score="<= 3") == "ab"
    assert ids(story, where="touchpoint = shop and nps < 9") == "ae"
    assert ids(story, where="at < 2025-03-03") == "ab"
    assert ids(story, where="no_answer = opt-out") == "f"
    later = load_story(organisation, "2025-03")
    assert ids(later, period="all") == "abcdef" and ids(later, period="2025-02") == ""


def test_texts_of_the_same_meaning_come_first(story):
    near = report.explore(story, like="when will the technician come, it has been ages").rows
    assert near["comment_id"].iloc[0] == "b" and len(near) == len(COMMENTS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"theme": "wating"}, "theme 'wating' is not known. Expected one of: .*waiting"),
        ({"polarity": "bad"}, "polarity 'bad' is not known. Expected one of: negative, positive"),
        ({"among": "all"}, "among 'all' is not known. Expected one of: critical, written, voices"),
        ({"period": "2031-01"}, "period '2031-01' is not known"),
        ({"among": "written", "period": "all"}, "leave period out"),
        ({"where": "touchpont = shop"}, "touchpont"),
    ],
)
def test_what_is_not_known_is_said(story, asked, message):
    with pytest.raises(ValueError, match=message):
        report.explore(story, **asked)


def test_the_call_of_a_query_opens_the_same_texts(story):
    asked = Query(words='"called back"', score="<= 3", leaving=False)
    assert opened(asked.call, story).query == asked
    assert asked.call == 'report.explore(story, score="<= 3", leaving=False, words="\\"called back\\"")'


# what is shown


def panel(story, **asked):
    return explorer._Panel(report.explore(story, **asked))


def shown(view):
    return [line.children[0].children[0].value for line in view.rows.children]


def test_ten_texts_a_page_the_latest_first_and_the_controls_ask_anew(story, monkeypatch):
    monkeypatch.setattr(explorer, "PAGE", 4)
    view = panel(story)
    assert "STOP" in shown(view)[0] and len(shown(view)) == 4 and view.place.value == "1 to 4 of 6"
    view.buttons["Next"].click()
    assert len(shown(view)) == 2 and view.buttons["Next"].disabled
    view.controls["words"].value = "refund"
    assert len(shown(view)) == 2 and "<h3>2 texts" in view.head.value and view.buttons["Previous"].disabled
    view.controls["where"].value = "touchpont = shop"
    assert "touchpont" in view.message.value and len(shown(view)) == 2, "a faulty wish leaves what was found"
    view.controls["where"].value = ""
    view.rows.children[0].children[0].children[1].children[1].click()
    assert view.controls["like"].value and len(shown(view)) == 2


def test_a_customer_s_text_stays_text(organisation):
    hostile = "<script>alert(1)</script> & <b>never again</b>"
    path = organisation.parent / "surveys.csv"
    pd.read_csv(path).replace({"STOP": hostile}).to_csv(path, index=False)
    page = "".join(shown(panel(load_story(organisation, "2025-03"))))
    assert "<script>" not in page and "<b>never" not in page and "never again" in page


def test_what_was_taken_out_of_a_text_unfolds_redacted(story):
    (line,) = shown(panel(story, where="cut = yes"))
    own, whole = line.split("<details>")
    assert "Still broken." in own and "Sorry" not in own
    assert "quoted mail" in whole and "Sorry to hear" in whole
    assert "care@acme.example" not in whole and "Ann Lee" not in line


def test_a_click_corrects_a_label_and_no_share_counts_it(story, monkeypatch):
    monkeypatch.setattr(labelling, "TOO_SOON", 0)
    before = story.readings
    view = panel(story, words="waiting")
    (line,) = view.rows.children
    correct = line.children[0].children[1].children[0]
    correct.click()
    (box,) = line.children[1].children
    name, *rest = box.children
    name.value = "Ann"
    buttons = {
        b.description: b for row in rest if hasattr(row, "children") for b in row.children if hasattr(b, "click")
    }
    buttons[THEME_WORDS["waiting"]].click()
    buttons["Negative"].click()
    store = find_store(story.config)
    (row,) = store.read().to_dict("records")
    assert (row["text_hash"], row["drawn"], row["blame"]) == (text_hash(COMMENTS["b"][0]), "corrected", "waiting")
    assert load_story(story.config, "2025-03").readings.equals(before)
    assert "corrected by Ann" in shown(panel(story, words="waiting"))[0]
    buttons["Undo"].click()
    assert store.read().empty
    correct.click()
    assert not line.children[1].children, "a second click closes it"


def test_clicks_on_texts_write_the_lines_of_an_own_theme_that_the_settings_take(story, organisation):
    view = panel(story)
    view.own.value = "Waiting"
    buttons = [line.children[0].children[1].children for line in view.rows.children]
    for _, _, example, _ in buttons:
        example.click()
    *_, counter = buttons[0]
    counter.click(), buttons[1][2].click()
    written = tomllib.loads(view.toml.value)["themes"]["own_waiting"]
    texts = view.explorer.rows["text"].tolist()
    assert (written["label"], written["examples"], written["counter_examples"]) == ("Waiting", texts[2:], texts[:1])
    assert "4 of at least 10 examples, 1 counter-examples" in view.message.value
    more = "".join(f'    "example {n}",\n' for n in range(6))
    with organisation.open("a") as file:
        file.write(view.toml.value.replace("examples = [\n", f"examples = [\n{more}", 1))
    assert load_config(organisation).themes["own_waiting"].counter_examples == texts[:1]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_kept_texts_hold_what_is_shown_nothing_runs_and_nobody_else_reads_them(story, kind):
    texts = report.explore(story, words="refund")
    path = texts.save(kind)
    assert path.parent == story.config.derived("comments") and path.stat().st_mode & 0o077 == 0
    assert path == report.explore(story, words="refund").save(kind), "the same wish has the same file"
    if kind == "csv":
        rows = pd.read_csv(path)
        assert rows["text"].tolist() == ["'" + COMMENTS["d"][0], COMMENTS["a"][0]]
    else:
        sheet = openpyxl.load_workbook(path).active
        above, (heads, *cells) = [row[0].value for row in sheet["A1:A3"]], list(sheet.values)[3:]
        assert above[:2] == [texts.sentence, texts.query.call]
        assert [row[heads.index("text")] for row in cells] == [COMMENTS["d"][0], COMMENTS["a"][0]]
        assert sheet.cell(5, heads.index("text") + 1).data_type == "s", "a formula is text"


# nobody is named


def test_fifty_planted_identifiers_are_shown_nowhere(organisation):
    planted = measure(per_kind=8, seed=5)
    planted = planted[planted["found"]].groupby("kind").head(5).head(60)
    assert len(planted) >= 50
    sentences = plant(planted)
    frame = pd.DataFrame({"response_id": range(len(sentences)), "responded_at": "2025-03-05", "comment": sentences})
    frame.to_csv(organisation.parent / "surveys.csv", index=False)
    organisation.write_text(organisation.read_text().replace("map = 'map.toml'\n", ""))
    story = load_story(organisation, "2025-03")
    texts = report.explore(story)
    assert set(texts.rows["text"]) == set(redact(pd.Series(sentences))) and texts.count >= 50
    view = explorer._Panel(texts)
    pages = ["".join(shown(view))]
    while not view.buttons["Next"].disabled:
        view.buttons["Next"].click()
        pages.append("".join(shown(view)))
        for line in view.rows.children:
            line.children[0].children[1].children[2].click()  # an example of an own theme
    pages += [view.toml.value, *read_all(story.config), *said_of_new(story), *kept_of_themes(story)]
    kept = texts.save("csv").read_text(encoding="utf-8")
    cells = openpyxl.load_workbook(texts.save("xlsx")).active.values
    kept += "".join(str(cell) for row in cells for cell in row)
    everything = "".join(pages) + kept
    assert not [secret for secret in planted["secret"] if secret in everything]


def read_all(config):
    """What a reader is shown of all texts, and what is kept of the readings."""
    session, pages = open_session(config, "2025-03", "Ann", 60), []
    while session.text is not None:
        pages.append(session.text)
        session.keep(Reading("negative"))
    return [*pages, find_store(config).path.read_text(encoding="utf-8")]


def said_of_new(story):
    """What is said of groups of texts that no theme covers, three people being enough for one."""
    groups = find_new_themes(story._texts["text"], ["2025-03"] * len(story._texts), minimum=3)
    assert len(groups)
    return [str(groups.drop(columns="centre").to_dict()), *(toml_of(group) for _, group in groups.iterrows())]


def kept_of_themes(story):
    """What is kept of an own theme that the texts as written have taught."""
    theme = Theme(label="all", examples=story._texts["text"].tolist()[:30])
    fit_themes(story.config.model_copy(update={"themes": {"all": theme}}), story.earliest())
    return [file.read_bytes().decode("latin-1") for file in story.config.derived("themes").glob("*.npz")]


def plant(planted):
    """The sentences in which they were planted, not redacted."""
    counter, sentences = {}, []
    for kind, secret in zip(planted["kind"], planted["secret"], strict=True):
        prose = FILE["kinds"][kind]["sentences"]
        counter[kind] = counter.get(kind, -1) + 1
        sentences.append(prose[counter[kind] % len(prose)].format(secret))
    found = [redact(s) for s in sentences]
    return [s for s, left, secret in zip(sentences, found, planted["secret"], strict=True) if secret not in left]


# a long reading


def test_a_reading_says_how_far_it_is_and_goes_on_where_it_was_stopped(tmp_path):
    told, part = [], Part("meaning", "1", 2, "<f2")
    keys = [key_of("", str(i)) for i in range(5_000)]

    def read(places):
        if 3_000 in places:
            raise KeyboardInterrupt
        return np.zeros((len(places), 2))

    with pytest.raises(KeyboardInterrupt):
        Pages(tmp_path, lambda done, of: told.append((done, of))).fill(part, keys, read)
    assert told == [(0, 5_000), (2_048, 5_000)]
    assert len(Pages(tmp_path).missing(part, keys)) == 5_000 - 2_048
    numbers = Pages(tmp_path).fill(part, keys, lambda places: np.ones((len(places), 2)))
    assert numbers.dtype == np.float16 and numbers.sum() == 2 * (5_000 - 2_048)


def test_progress_is_drawn_in_a_notebook_and_goes_at_its_end(monkeypatch):
    drawn = []
    bar = SimpleNamespace(update=lambda html: drawn.append(html.data))
    monkeypatch.setattr("IPython.display.display", lambda html, display_id: drawn.append(html.data) or bar)
    progress = Progress()
    progress(0, 4_000)
    assert not drawn, "outside a notebook nothing is shown"
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=object()))
    progress(0, 100)
    assert not drawn, "a short reading is over before anybody asks"
    progress(0, 4_000)
    progress(2_048, 4_000)
    progress(4_000, 4_000)
    assert "0 of 4,000 texts read" in drawn[0] and "2,048 of 4,000" in drawn[1] and drawn[2] == ""
