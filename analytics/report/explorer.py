"""The explorer as analysts see it: what is asked, how many texts answer, page by page, corrected by a click, kept.

Which texts answer is ``query``. Texts are redacted, escaped and shown in notebooks only: no report carries them.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Any, Literal

import ipywidgets as widgets
import pandas as pd

from analytics.measures.suppress import count_people, names_people
from analytics.publish.workbook import write_sheets
from analytics.report.labelling import show_labelling
from analytics.report.query import DOWNLOADS, KINDS, MOODS, NAMED, POOLS, Query, find_theme, searchable
from analytics.report.story import Story
from analytics.report.words import CUT_WORDS, WORDS, name_blamed, say, share_of
from analytics.tables.read import defuse, write_whole
from analytics.tables.schema import NotMeasured
from analytics.text.comments import whole_texts
from analytics.text.readings import CORRECTED, LabellingSession, find_store, printable, text_hash
from analytics.theme_settings import FEWEST, write_theme

TEACHING = {"Example": "examples", "Counter-example": "counter_examples"}
PAGE = 10  # texts on a page
KEPT = ["comment_id", "source", "at", "mood", "score", "leaving", "blamed", "thanked", "cut", "text"]
ROW: str = WORDS["explorer"]["row"]
WHOLE: str = WORDS["explorer"]["whole"]
HINTS: dict[str, str] = WORDS["explorer_hints"]


def explore(
    story: Story, *, theme: str = "", polarity: str = "", mood: str = "", score: str = "", leaving: bool | None = None,
    words: str = "", like: str = "", where: str = "", among: str = "", period: str = "", group: str = "",
) -> "Explorer":  # fmt: skip
    """Open the customers' texts behind a figure.

    Parameters
    ----------
    story
        From `load_story`.
    theme, polarity, mood, score, leaving, words, like, where, among, period, group
        What is asked for; see `Query`.

    Returns
    -------
    Explorer
        Displays in JupyterLab, where all that is asked can be changed.

    Raises
    ------
    ValueError
        If a word is not known, or an expression cannot be read.
    """
    theme = find_theme(story, theme)
    return Explorer(story, Query(theme, polarity, mood, score, leaving, words, like, where, among, period, group))


class Explorer:
    """Redacted texts that answer a query.

    Parameters
    ----------
    story, query
        What to look through, and for what.
    """

    def __init__(self, story: Story, query: Query) -> None:
        self.story = story
        self.ask(query)

    def ask(self, query: Query) -> None:
        """Look for something else; what was found stays where the query is faulty."""
        self.rows = query.find(self.story)
        self.query = query

    @property
    def count(self) -> int:
        """How many texts answer."""
        return len(self.rows)

    @property
    def sentence(self) -> str:
        """How many texts answer, by how many people, and of how many they are."""
        every = len(searchable(self.story, self.query.among, self.query.period))
        if not self.count:
            return say("explorer.none", all=every)
        who = "customers" if names_people(self.rows) else "writers"
        facts = {"n": self.count, "people": count_people(self.rows), "who": who, "all": every}
        return say("explorer.count", share=share_of(self.count / every), **facts)

    def save(self, kind: Literal["xlsx", "csv"] = "xlsx") -> Path:
        """Write the texts to a file of the derived data that nobody else may read; no cell of it runs as a formula.

        Returns
        -------
        pathlib.Path
            ``data/derived/comments/<period>-<the query's own name>``.
        """
        name = f"{self.story.period.name}-{blake2b(self.query.call.encode(), digest_size=4).hexdigest()}.{kind}"
        path = self.story.config.derived(f"{DOWNLOADS}/{name}")
        rows = self.rows[KEPT].assign(at=self.rows["at"].astype("str").fillna(""))
        if kind == "csv":
            write_whole(path, defuse(rows).to_csv(index=False))
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        cells = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
        write_sheets([("Texts", [self.sentence, self.query.call, ""], KEPT, cells)], path)
        return path

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(_Panel(self).box)


class _Panel:
    """Controls, a page of texts, and a place beneath each to correct its labels."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.first = explorer, 0
        self.taught: dict[str, list[str]] = {"examples": [], "counter_examples": []}
        wide = widgets.Layout(width="19em")
        self.controls = {f.name: _control(f.name, explorer, wide) for f in fields(Query)}
        self.head, self.message, self.place = widgets.HTML(), widgets.HTML(), widgets.HTML()
        acts = {"Previous": partial(self._turn, -PAGE), "Next": partial(self._turn, PAGE)}
        acts |= {"Save as Excel": partial(self._save, "xlsx"), "Save as CSV": partial(self._save, "csv")}
        self.rows = widgets.VBox()
        self.own = widgets.Text("my theme", description="own theme", layout=wide)
        self.toml = widgets.Textarea(layout=widgets.Layout(width="100%", height="12em", display="none"))
        self.own.observe(lambda _: self._write_theme(), "value")
        for control in self.controls.values():
            control.observe(lambda _: self._ask(), "value")
        wrap = widgets.Layout(flex_flow="row wrap")
        asked = widgets.HBox([*self.controls.values()], layout=wrap)
        self.buttons = {name: _button(name, act) for name, act in acts.items()}
        foot = widgets.HBox([*self.buttons.values(), self.own, self.place, self.message], layout=wrap)
        self.box = widgets.VBox([asked, self.head, foot, self.toml, self.rows])
        self._show()

    def _ask(self) -> None:
        try:
            self.explorer.ask(Query(**{name: control.value for name, control in self.controls.items()}))
        except (ValueError, NotMeasured) as fault:
            self.message.value = f"<b>{escape(str(fault))}</b>"
            return
        self.first = 0
        self._show()

    def _turn(self, by: int) -> None:
        self.first += by
        self._show()

    def _save(self, kind: Literal["xlsx", "csv"]) -> None:
        self.message.value = escape(say("explorer.saved", path=self.explorer.save(kind)))

    def _show(self) -> None:
        """Draw the page."""
        n, page = self.explorer.count, self.explorer.rows.iloc[self.first : self.first + PAGE]
        self.head.value = f"<h3>{escape(self.explorer.sentence)}</h3><code>{escape(self.explorer.query.call)}</code>"
        last = self.first + len(page)
        self.place.value, self.message.value = say("explorer.page", first=min(self.first + 1, n), last=last, n=n), ""
        self.buttons["Previous"].disabled, self.buttons["Next"].disabled = self.first == 0, last >= n
        cut, story = page[page["cut"]], self.explorer.story
        whole = story.redact(cut.assign(text=whole_texts(cut, story.tables))) if len(cut) else cut["text"]
        readings = find_store(story.config).read()
        names = readings[readings["drawn"].eq(CORRECTED)].groupby("text_hash")["labeller"].unique()
        self.rows.children = [
            self._line(row, whole.get(at, ""), [*names.get(text_hash(row["text"]), [])]) for at, row in page.iterrows()
        ]

    def _line(self, row: pd.Series, whole: str, names: list[str]) -> Any:  # noqa: ANN401
        html = _row_html(row, whole, names, name_blamed(self.explorer.story.themes))
        text = widgets.HTML(html, layout=widgets.Layout(flex="1 1 auto"))
        below = widgets.VBox()
        like = _button("More like this", lambda: setattr(self.controls["like"], "value", row["text"]))
        correct = _button("Correct", lambda: self._correct(row, below))
        teach = [_button(name, partial(self._teach, kind, row["text"])) for name, kind in TEACHING.items()]
        beside = widgets.VBox([correct, like, *teach], layout=widgets.Layout(flex="0 0 12em"))
        return widgets.VBox([widgets.HBox([text, beside]), below])

    def _teach(self, kind: str, text: str) -> None:
        """Take a text as an example or a counter-example of an own theme, or take it back."""
        for name, texts in self.taught.items():
            if text in texts:
                texts.remove(text)
            elif name == kind:
                texts.append(text)
        self._write_theme()

    def _write_theme(self) -> None:
        """Show the lines of perception.toml that the texts taken so far make."""
        given = {name: texts for name, texts in self.taught.items() if texts}
        self.toml.value = write_theme(self.own.value, self.own.value, **given) if given else ""
        self.toml.layout.display = "" if given else "none"
        numbers = {name: len(texts) for name, texts in self.taught.items()}
        self.message.value = escape(say("explorer.taught", fewest=FEWEST, **numbers))

    def _correct(self, row: pd.Series, below: Any) -> None:  # noqa: ANN401
        """Open the buttons of the labelling notebook under a text, or close them."""
        if below.children:
            below.children = ()
            return
        pool = pd.DataFrame({"text_hash": [text_hash(row["text"])], "text": [printable(row["text"])]})
        story = self.explorer.story
        session = LabellingSession(find_store(story.config), pool, "", row["period"], 1, story.themes, CORRECTED)
        below.children = (show_labelling(session),)


def _control(name: str, explorer: Explorer, layout: Any) -> Any:  # noqa: ANN401
    """The control of one part of a query, set to what was asked."""
    words = name_blamed(explorer.story.themes)
    choices: dict[str, list[tuple[str, Any]]] = {
        "theme": [("any", ""), *((words[theme], theme) for theme in explorer.story.themes.names)],
        "polarity": [("any", ""), *((name, name) for name in NAMED if name)],
        "mood": [("any", ""), *((mood, mood) for mood in MOODS)],
        "leaving": [("any", None), ("yes", True), ("no", False)],
        "among": [("all", ""), *((pool, pool) for pool in POOLS)],
        "period": [("this", ""), *((p, p) for p in ("recent", "all", *explorer.story.history[-2::-1]))],
    }
    value = getattr(explorer.query, name)
    if name in choices:
        return widgets.Dropdown(options=choices[name], value=value, description=name, layout=layout)
    return widgets.Text(value, description=name, placeholder=HINTS[name], continuous_update=False, layout=layout)


def _button(name: str, act: Any) -> Any:  # noqa: ANN401
    button = widgets.Button(description=name, layout=widgets.Layout(width="auto"))
    button.on_click(lambda _: act())
    return button


def _row_html(row: pd.Series, whole: str, names: list[str], words: Mapping[str, str]) -> str:
    """One text with what is known of it; all of it is escaped."""
    marks = (("blamed", "−"), ("thanked", "+"))
    themes = [f"{sign} {words[t]}" for column, sign in marks for t in row[column].split("|") if t]
    themes += ["leaves"] * bool(row["leaving"] is not pd.NA and row["leaving"])
    themes += [say("explorer.corrected", names=names)] if names else []
    head = say("explorer.cut", kinds=[CUT_WORDS[kind] for kind in KINDS if row[kind]])
    return ROW.format(
        when=f"{row['at']:%-d %B %Y}" if pd.notna(row["at"]) else "", source=escape(row["source"]), mood=row["mood"],
        score="" if pd.isna(row["score"]) else f", {row['score']:g}", themes="<br>".join(map(escape, themes)),
        text=escape(row["text"]), whole=WHOLE.format(head=head, text=escape(whole)) if whole else "",
    )  # fmt: skip
