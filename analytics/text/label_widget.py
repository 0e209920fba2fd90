"""The buttons of the labelling notebook: shows one text at a time, hands each click to the session.

Nothing is decided or stored here. Customers' text is escaped: it can neither run nor format anything.
"""

import time
from html import escape
from typing import TYPE_CHECKING, Any

from analytics.text.label import SKIPPED, LabellingSession

if TYPE_CHECKING:
    from ipywidgets import VBox

BUTTONS = {"Negative": "negative", "Neutral": "neutral", "Positive": "positive", "Skip": SKIPPED}
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
        wide = widgets.Layout(width="9em", height="40px")
        self.name = widgets.Text(
            session.labeller, description="Labeller", placeholder="your name", continuous_update=False
        )
        self.text, self.status = widgets.HTML(), widgets.HTML()
        self.progress = widgets.IntProgress(layout=widgets.Layout(width="20em"))
        self.buttons = [widgets.Button(description=name, layout=wide) for name in BUTTONS]
        self.undo = widgets.Button(description="Undo", layout=wide)
        for button in self.buttons:
            button.on_click(self._click)
        self.undo.on_click(self._click)
        self.name.observe(self._rename, "value")
        row = widgets.HBox([*self.buttons, self.undo], layout=widgets.Layout(flex_flow="row wrap"))
        count = widgets.HBox([self.progress, self.status], layout=widgets.Layout(flex_flow="row wrap"))
        self.box = widgets.VBox([self.name, self.text, row, count])
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
        said = self.message or ("" if ready else "Enter your name first.")
        where = f"{session.done} of {session.done + session.left}, saved in {session.store.path.name}"
        self.status.value = f"<span>{escape(where)}</span> <b>{escape(said)}</b>"
        self.shown_at = time.monotonic()
