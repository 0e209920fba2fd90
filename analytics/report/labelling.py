"""The labelling notebook: its buttons, and what is said about readings so far.

Nothing is decided or stored here. Customers' text is escaped: it can neither run nor format anything.
"""

import math
import time
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics.publish import blocks
from analytics.report.words import WORDS, capital, name_blamed, say
from analytics.text.agreement import Agreement, measure_agreement
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.readings import OTHER, SKIPPED, LabellingSession, Reading

if TYPE_CHECKING:
    from ipywidgets import VBox

BUTTONS = {"Negative": "negative", "Neutral": "neutral", "Positive": "positive", "Skip": SKIPPED}
FLAGS = {OTHER: "A problem not in the list", LEAVING: "Leaves", COMPLAINT: "Complains"}
STATES = {True: ("", "blame", "praise"), False: ("", "yes")}  # of a chip, one click after the other; of a theme's
STYLES = {"": "", "blame": "danger", "praise": "success", "yes": "warning"}
SIGNS = {"": "", "blame": "− ", "praise": "+ ", "yes": "✓ "}
FEWEST_SHARED = 30  # texts read by both; with fewer the interval of kappa, which rests on large samples, misleads
BOX = WORDS["labelling"]["box"]
TOO_SOON = 0.3  # seconds: a click within it was meant for the text before, the second half of a double click


def show_labelling(session: LabellingSession) -> "VBox":
    """Show a session as text, a chip for each theme, buttons of the mood, progress and the reader's name.

    The model's own opinion is not shown, nor another reader's: it would colour the answer.

    Parameters
    ----------
    session
        From `open_session`; the widget moves it on.

    Returns
    -------
    ipywidgets.VBox
        Displays in JupyterLab.
    """
    return _Panel(session).box


class _Panel:
    def __init__(self, session: LabellingSession) -> None:
        import ipywidgets as widgets

        self.session, self.message, self.shown_at = session, "", 0.0
        wide, wrap = widgets.Layout(width="9em", height="40px"), widgets.Layout(flex_flow="row wrap")
        naming = {"description": "Reader", "placeholder": "your name", "continuous_update": False}
        self.name = widgets.Text(session.labeller, **naming)
        self.text, self.status = widgets.HTML(), widgets.HTML()
        self.help = widgets.HTML(f"<small>{say('labelling.help')}</small>")
        self.progress = widgets.IntProgress(layout=widgets.Layout(width="20em"))
        words = name_blamed(session.themes)
        self.names = {theme: words[theme] for theme in session.themes.names} | FLAGS
        self.state = dict.fromkeys(self.names, "")
        chip = widgets.Layout(width="auto", height="34px")
        self.chips = {label: widgets.Button(description=name, layout=chip) for label, name in self.names.items()}
        self.buttons = [widgets.Button(description=name, layout=wide) for name in BUTTONS]
        self.undo = widgets.Button(description="Undo", layout=wide)
        for label, button in self.chips.items():
            button.on_click(lambda _, label=label: self._turn(label))
        for button in (*self.buttons, self.undo):
            button.on_click(lambda button: self._end(button.description))
        self.name.observe(self._rename, "value")
        rows = [[*self.chips.values()], [*self.buttons, self.undo], [self.progress, self.status]]
        boxes = (widgets.HBox(row, layout=wrap) for row in rows)
        self.box = widgets.VBox([self.name, self.text, *boxes, self.help])
        self._show()

    def _turn(self, label: str) -> None:
        """Put a chip into its next state."""
        states = STATES[label in self.session.themes.names]
        self.state[label] = states[(states.index(self.state[label]) + 1) % len(states)]
        self._paint()

    def _end(self, name: str) -> None:
        """Save the text's reading with this mood, or take the last one back."""
        if time.monotonic() - self.shown_at < TOO_SOON:
            return
        self.message = ""
        try:
            if name != self.undo.description:
                self.session.keep(self._reading(BUTTONS[name]))
            elif not self.session.undo():
                self.message = "There is nothing to undo."
        except (OSError, ValueError) as error:
            self.message = f"Not saved: {error}"
        else:
            self.state = dict.fromkeys(self.state, "")
        self._show()

    def _reading(self, sentiment: str) -> Reading:
        themes = self.session.themes.names
        blame, praise = (tuple(t for t in themes if self.state[t] == kind) for kind in ("blame", "praise"))
        return Reading(sentiment, blame, praise, *(bool(self.state[label]) for label in FLAGS))

    def _rename(self, change: dict[str, Any]) -> None:
        self.message = ""
        self.session.become(change["new"])
        self._show()

    def _paint(self) -> None:
        for label, button in self.chips.items():
            button.button_style = STYLES[self.state[label]]
            button.description = SIGNS[self.state[label]] + self.names[label]

    def _show(self) -> None:
        session, text = self.session, self.session.text
        ready = bool(session.labeller)
        for button in (*self.buttons, *self.chips.values()):
            button.disabled = not ready or text is None
        self.undo.disabled = not ready or session.done == 0
        self.text.value = BOX.format(escape(say(f"labelling.{session.drawn}_end") if text is None else text))
        self.progress.max, self.progress.value = max(1, session.done + session.left), session.done
        message = self.message or ("" if ready else "Enter your name first.")
        where = f"{session.done} of {session.done + session.left}, saved in {session.store.path.name}"
        self.status.value = f"<span>{escape(where)}</span> <b>{escape(message)}</b>"
        self._paint()
        self.shown_at = time.monotonic()


def show_agreement(labels: pd.DataFrame) -> blocks.Block:
    """Say how far every two readers agree, or that a second reader is needed."""
    sentences = [_describe_agreement(pair) for pair in measure_agreement(labels)]
    return blocks.prose(" ".join(sentences) or "Agreement is not known: it takes two readers of the same texts.")


def _describe_agreement(pair: Agreement) -> str:
    who = f"{pair.first} and {pair.second}"
    if pair.n == 0:
        return f"{who} have read no text in common: agreement is not known."
    what = "themes (each text with each theme)" if pair.about == "themes" else pair.about
    facts = {"what": capital(what), "who": who, "x": pair, "needed": FEWEST_SHARED}
    if math.isnan(pair.kappa):
        return say("labelling.undefined", **facts)
    if pair.n < FEWEST_SHARED:
        return say("labelling.agree", **facts) + say("labelling.too_few", **facts)
    kappa, low, high = map(_two, (pair.kappa, pair.low, pair.high))
    return say("labelling.agree", **facts) + say("labelling.kappa", kappa=kappa, low=low, high=high)


def _two(number: float) -> str:
    """Return a figure with two decimals and no leading zero: .62, -.05, 1.00."""
    return f"{number + 0.0:.2f}".replace("0.", ".", 1) if abs(round(number, 2)) < 1 else f"{number:.2f}"
