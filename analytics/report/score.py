"""What customers answered: the scores that a survey may ask for, and what stands in for them where none does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import pandas as pd

from analytics.measures.estimate import Estimate
from analytics.measures.scores import customer_effort, net_promoter_score, share, top_box_share
from analytics.tables.schema import ReadLog

REPEATED = 10  # rows of people who stand there already: fewer may have the same scores by chance


@dataclass(frozen=True)
class Score:
    """What customers answered: its column, its name alone and as the subject of a sentence, its measure and meaning.

    `ends` are those of the answers, `unhappy` is the best answer of an unhappy customer, `top` the least of one who
    holds nothing against us; which side of `middle` the measure lies on decides what a headline says.
    """

    column: str
    name: str
    subject: str
    measure: Callable[..., Estimate]
    meaning: str
    ends: tuple[float, float] = (0.0, 1.0)
    middle: float | None = None
    unhappy: float = 0.0
    top: float = 1.0

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way is the good one."""
        return "lower" if self.column == "disputed" else "higher"

    @property
    def range(self) -> float:
        """How far the figure reaches from its worst to its best, in its own unit."""
        return {"csat": 1.0, "nps": 200.0}.get(self.column, self.ends[1] - self.ends[0])

    def on(self, ends: tuple[float, float]) -> "Score":
        """The same question where its mean is taken on another scale."""
        low, high = ends
        return replace(
            self, name=f"Ease (of {high:g})", subject=f"{self.subject} on a scale of {low:g} to {high:g}",
            measure=partial(self.measure, scale=ends), meaning=f"mean of {low:g} to {high:g}, higher is easier",
            ends=ends, middle=(low + high) / 2, unhappy=(low + high) / 2 - 1, top=high,
        )  # fmt: skip

    def of(self, part: str) -> "Score":
        """The same question where it was asked of a part of the service."""
        if self.column == "csat":
            name, subject = f"Satisfied with “{part}”", f"The share of customers satisfied with “{part}”"
        else:
            name, subject = f"{self.name}, “{part}”", f"{self.subject} (“{part}”)"
        return replace(self, name=name, subject=subject)


SCORES = {
    "nps": Score(
        "nps", "Net Promoter Score", "Net Promoter Score", net_promoter_score, "promoters less detractors, points",
        ends=(0.0, 10.0), middle=0.0, unhappy=6.0, top=9.0,
    ),
    "csat": Score(
        "csat", "Satisfied customers", "The share of satisfied customers", top_box_share, "share answering 4 or 5 of 5",
        ends=(1.0, 5.0), middle=0.5, unhappy=2.0, top=5.0,
    ),
    "ces": Score(
        "ces", "Ease (of 7)", "The mean rating of ease", customer_effort, "mean of 1 to 7, higher is easier",
        ends=(1.0, 7.0), middle=4.0, unhappy=3.0, top=7.0,
    ),
}  # fmt: skip
DISPUTED = Score(  # what customers say of our answers, where no survey asks them
    "disputed", "Answers disputed", "The share of our answers that customers dispute", share,
    "share of complaints whose customer disputes the answer, lower is better",
)  # fmt: skip


def asked_scores(log: ReadLog) -> dict[str, Score]:
    """What surveys may ask, each on the scale on which it was asked and of the part of the service that it names."""
    scales = {c: score.on(log.scales[c]) if c in log.scales else score for c, score in SCORES.items()}
    return {column: score.of(log.about[column]) if column in log.about else score for column, score in scales.items()}


def repeated_scores(answers: pd.DataFrame, stamp: str | None, columns: list[str]) -> pd.Series:
    """Rows that repeat a person's scores beside a further comment, in a file that does so on all rows of a person.

    A file where any two rows of one person at one moment differ in a score holds an answer on each row.
    """
    none = pd.Series(False, answers.index)
    if stamp is None or not columns or "customer_id" not in answers:
        return none
    moment = [c for c in ("customer_id", "contact_id", stamp) if c in answers]
    further = answers[["customer_id", stamp]].notna().all(axis=1) & answers.duplicated(moment)
    same = further & answers.duplicated([*moment, *columns])
    return same if further.sum() >= REPEATED and same.equals(further) else none
