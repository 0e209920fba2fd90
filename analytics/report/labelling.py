"""The labelling notebook: its buttons, and what is said about agreement and about what more labels would add.

Nothing is decided or stored here. Customers' text is escaped: it can neither run nor format anything.
"""

import math
import time
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics.publish import blocks
from analytics.text.learning_curve import MORE, LearningCurve
from analytics.text.readings import SKIPPED, Agreement, LabellingSession, measure_agreement

if TYPE_CHECKING:
    from ipywidgets import VBox

BUTTONS = {"Negative": "negative", "Neutral": "neutral", "Positive": "positive", "Skip": SKIPPED}
FEWEST_SHARED = 30  # texts labelled by both; with fewer the interval of kappa, which rests on large samples, misleads
WORTH = 0.01  # macro-F1: less than this from more labels is not worth an afternoon
TOO_SOON = 0.3  # seconds: a click within it was meant for the text before, the second half of a double click
_TEXT = (
    '<div dir="auto" style="font-size:18px;line-height:1.5;max-width:44em;min-height:6em;max-height:24em;'
    'overflow-y:auto;padding:12px 16px;border:1px solid #999;overflow-wrap:anywhere">{}</div>'
)


def show_labelling(session: LabellingSession) -> "VBox":
    """Show a session as text, buttons, progress and the labeller's name.

    The model's own opinion is not shown, nor another labeller's: it would colour the answer.

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
        naming = {"description": "Labeller", "placeholder": "your name", "continuous_update": False}
        self.name = widgets.Text(session.labeller, **naming)
        self.text, self.status = widgets.HTML(), widgets.HTML()
        self.progress = widgets.IntProgress(layout=widgets.Layout(width="20em"))
        self.buttons = [widgets.Button(description=name, layout=wide) for name in BUTTONS]
        self.undo = widgets.Button(description="Undo", layout=wide)
        for button in (*self.buttons, self.undo):
            button.on_click(self._click)
        self.name.observe(self._rename, "value")
        rows = [[*self.buttons, self.undo], [self.progress, self.status]]
        self.box = widgets.VBox([self.name, self.text, *(widgets.HBox(row, layout=wrap) for row in rows)])
        self._show()

    def _click(self, button: Any) -> None:  # noqa: ANN401
        if time.monotonic() - self.shown_at < TOO_SOON:
            return
        self.message = ""
        try:
            if button is not self.undo:
                self.session.label(BUTTONS[button.description])
            elif not self.session.undo():
                self.message = "There is nothing to undo."
        except (OSError, ValueError) as error:
            self.message = f"Not saved: {error}"
        self._show()

    def _rename(self, change: dict[str, Any]) -> None:
        self.message = ""
        self.session.become(change["new"])
        self._show()

    def _show(self) -> None:
        session, text = self.session, self.session.text
        ready = bool(session.labeller)
        for button in self.buttons:
            button.disabled = not ready or text is None
        self.undo.disabled = not ready or session.done == 0
        end = "All done. Raise count in the parameters to label more."
        self.text.value = _TEXT.format(escape(end if text is None else text))
        self.progress.max, self.progress.value = max(1, session.done + session.left), session.done
        message = self.message or ("" if ready else "Enter your name first.")
        where = f"{session.done} of {session.done + session.left}, saved in {session.store.path.name}"
        self.status.value = f"<span>{escape(where)}</span> <b>{escape(message)}</b>"
        self.shown_at = time.monotonic()


def show_agreement(labels: pd.DataFrame) -> blocks.Block:
    """Say how far every two labellers agree, or that a second labeller is needed."""
    sentences = [_describe_agreement(pair) for pair in measure_agreement(labels)]
    return blocks.prose(" ".join(sentences) or "Agreement is not known: it takes two labellers of the same texts.")


def _describe_agreement(pair: Agreement) -> str:
    who = f"{pair.first} and {pair.second}"
    if pair.n == 0:
        return f"{who} have labelled no text in common: agreement is not known."
    if math.isnan(pair.kappa):
        return f"{who} gave all {pair.n} texts one and the same label: kappa is undefined."
    text = f"{who} gave the same label to {pair.same} of {pair.n} texts."
    if pair.n < FEWEST_SHARED:
        return f"{text} Cannot tell yet how far beyond chance: both need to label at least {FEWEST_SHARED} texts."
    interval = f"{_two(pair.kappa)} ({_two(pair.low)} to {_two(pair.high)})"
    return f"{text} Cohen's kappa is {interval}; 1 is full agreement, 0 is chance."


def show_learning_curve(curve: LearningCurve) -> blocks.Block:
    """Say how well the labels so far teach, and whether more are worth it; intervals are rounded outwards."""
    if curve.needed:
        return blocks.prose(f"Cannot tell yet what more labels would add: label at least {curve.needed} texts in all.")
    now, shipped = curve.points.iloc[-1], curve.points.iloc[0]
    interval = f"({_two(now['low'])} to {_two(now['high'])}, {curve.n} texts)"
    low, high = math.floor(100 * curve.low) / 100, math.ceil(100 * curve.high - 1e-9) / 100
    return blocks.prose(
        f"With {now['labels']:.0f} labels macro-F1 is {_two(now['macro_f1'])} {interval}, with none"
        f" {_two(shipped['macro_f1'])}. {MORE} more would add about {_two(curve.gain)} ({_two(low)} to {_two(high)})"
        + (": hardly worth it." if curve.high < WORTH else ".")
    )


def _two(number: float) -> str:
    """Return a figure with two decimals and no leading zero: .62, -.05, 1.00."""
    return f"{number + 0.0:.2f}".replace("0.", ".", 1) if abs(round(number, 2)) < 1 else f"{number:.2f}"
