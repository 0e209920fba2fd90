"""The study of leaving that one report rests on: features, the model, fitted once.

How its findings are worded and drawn is ``leaving``, with the names of its codes in ``leaving.toml``; the measures
are in ``analytics.measures``.
"""

import tomllib
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.config import Costs
from analytics.measures.leaving.churn import ChurnRiskModel, LeakageError, TooFewLeaversError
from analytics.measures.leaving.churn_views import worth_calling
from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
from analytics.measures.leaving.ratios import Ratios, fit_ratios
from analytics.report.story import Story
from analytics.report.words import say
from analytics.tables.schema import STAMPS, NotMeasured, Tables

CUTOFFS = 5  # three to learn from, one to calibrate, one to judge
STUDIED = 60_000  # customers a model learns from and is judged on; of more, as many drawn at random
WORDS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("leaving.toml").read_text(encoding="utf-8"))


def leak_words(report: pd.DataFrame) -> dict[str, str]:
    """How each column of a `leakage_report` gives the outcome away."""
    frozen = [say("leaving.frozen") if frozen else "" for frozen in report["frozen"]]
    pairs = zip(report["reason"], report["strength"], strict=True)
    reasons = [WORDS["leaks"][reason].format(strength=strength) for reason, strength in pairs]
    return {column: f + reason for column, f, reason in zip(report["column"], frozen, reasons, strict=True)}


@dataclass(frozen=True)
class Study:
    """A model of leaving for one report, fitted once and shared by the questions asked of it.

    Attributes
    ----------
    features
        Customers at the past cut-offs, the last with its horizon over by the period's end; of more than `STUDIED`, as
        many drawn at random.
    now
        Customers as they were known at the period's end.
    drawn
        That the study looks at a sample, in a sentence with a blank before it; '' where it looks at all.
    fitted
        The model, or why there can be none.
    costs
        What leaving, calling and keeping cost.
    """

    features: pd.DataFrame
    now: pd.DataFrame
    drawn: str
    fitted: ChurnRiskModel | NotMeasured
    costs: Costs

    @property
    def model(self) -> ChurnRiskModel:
        """The model; NotMeasured, with the reason, where there can be none."""
        if isinstance(self.fitted, NotMeasured):
            raise self.fitted
        return self.fitted

    @cached_property
    def ratios(self) -> Ratios:
        """How many times as often customers leave after each thing that happened, for bounds of any level."""
        return fit_ratios(self.features)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """Whom a call is worth, ids only."""
        return worth_calling(self.model, self.now, self.costs)


def study_leaving(story: Story) -> Study:
    """Describe the customers and fit the model; NotMeasured where it is not recorded who left."""
    tables, end = story.tables, story.period.end
    n = 0 if tables.customers is None else len(tables.customers)
    drawn = say("leaving.drawn", n=STUDIED, all=n) if n > STUDIED else ""
    cutoffs = choose_cutoffs(tables, until=end, most=CUTOFFS)
    build = partial(build_customer_features, comments=_comments(story, cutoffs), until=end)
    if drawn or not cutoffs:
        features, now = build(_sample(tables), cutoffs), build(tables, [end])
    else:
        rows = build(tables, [*cutoffs, end])
        last = rows["cutoff"] == end
        features, now = rows[~last], rows[last]
    return Study(features, now, drawn, fit_model(features, story), story.config.costs)


def _comments(story: Story, cutoffs: list[pd.Timestamp]) -> pd.DataFrame | None:
    """Scored comments; None where there are none, or where they do not reach back to the first cut-off."""
    begins = story.period.previous(len(story.history) - 1).start
    return story.comments if cutoffs and cutoffs[0] >= begins and story.has_texts else None


def fit_model(features: pd.DataFrame, story: Story) -> ChurnRiskModel | NotMeasured:
    """The model, or why there can be none, in words."""
    try:
        return ChurnRiskModel(confidence=story.confidence).fit(features)
    except LeakageError as refusal:
        leaks = leak_words(refusal.report)
        noun = "1 column knows" if len(leaks) == 1 else f"{len(leaks)} columns know"
        lines = "".join(f"\n- {column}: {reason}" for column, reason in leaks.items())
        return NotMeasured(say("leaving.no_model", noun=noun, leaks=lines))
    except TooFewLeaversError as few:
        left = f"{few.left:,}" if few.left >= story.k else f"fewer than {story.k}"
        few.what = say("leaving.few_leavers", left=left, needed=few.needed)
        return few
    except NotMeasured as lack:
        return lack


def _sample(tables: Tables) -> Tables:
    """All customers, or `STUDIED` of them drawn with a fixed seed, with all that is recorded of them."""
    if tables.customers is None or len(tables.customers) <= STUDIED:
        return tables
    customers = tables.customers.sample(STUDIED, random_state=0)
    theirs: dict[str, Any] = {"customers": customers}
    for name, frame in ((name, getattr(tables, name)) for name in STAMPS):
        if frame is not None and "customer_id" in frame:
            theirs[name] = frame[frame["customer_id"].isin(customers["customer_id"])]
    return replace(tables, **theirs)
