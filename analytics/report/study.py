"""The study of leaving that one report rests on: features, the model, what listening adds, fitted once.

How its findings are worded and drawn is ``leaving``; the measures themselves are in ``analytics.measures``.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from analytics.measures.leaving.churn import ChurnRiskModel, LeakageError, TooFewLeaversError
from analytics.measures.leaving.churn_views import Listening, compare_listening, rank_customers
from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
from analytics.report.story import Story
from analytics.tables.schema import NotMeasured, Tables

CUTOFFS = 5  # three to learn from, one to calibrate, one to judge
STUDIED = 60_000  # customers a model learns from and is judged on; of more, as many drawn at random


@dataclass(frozen=True)
class Study:
    """A model of leaving for one report, fitted once and shared by the questions asked of it."""

    story: Story

    @cached_property
    def features(self) -> pd.DataFrame:
        """Customers at the past cut-offs, the last with its horizon over by the period's end."""
        story, end = self.story, self.story.period.end
        cutoffs = choose_cutoffs(story.tables, until=end, most=CUTOFFS)
        return build_customer_features(self._studied, cutoffs, self._comments, until=end)

    @cached_property
    def _studied(self) -> Tables:
        """All customers, or `STUDIED` of them drawn with a fixed seed, with all that is recorded of them."""
        tables = self.story.tables
        if tables.customers is None or len(tables.customers) <= STUDIED:
            return tables
        drawn = tables.customers.sample(STUDIED, random_state=0)
        ids = drawn["customer_id"]
        kept = {
            name: frame[frame["customer_id"].isin(ids)]
            for name in ("contacts", "surveys", "complaints")
            if (frame := getattr(tables, name)) is not None and "customer_id" in frame
        }
        return replace(tables, customers=drawn, **kept)

    @property
    def drawn(self) -> str:
        """That the study looks at a sample, in a sentence with a blank before it; '' where it looks at all."""
        customers = self.story.tables.customers
        if customers is None or len(customers) <= STUDIED:
            return ""
        return f" Learnt from and judged on {STUDIED:,} customers drawn at random of {len(customers):,}."

    @cached_property
    def now(self) -> pd.DataFrame:
        """Customers as they were known at the period's end."""
        end = self.story.period.end
        return build_customer_features(self.story.tables, [end], self._comments, until=end)

    @cached_property
    def _comments(self) -> pd.DataFrame | None:
        """Scored comments; None where there are none, or where they do not reach back to the first cut-off."""
        first = choose_cutoffs(self.story.tables, until=self.story.period.end, most=CUTOFFS)[:1]
        begins = self.story.period.previous(len(self.story.history) - 1).start
        if not first or first[0] < begins:
            return None
        try:
            return self.story.comments
        except NotMeasured:
            return None

    @cached_property
    def model(self) -> ChurnRiskModel:
        """The model; NotMeasured, with the reason, where there can be none."""
        try:
            return ChurnRiskModel(confidence=self.story.confidence).fit(self.features)
        except (LeakageError, TooFewLeaversError) as refusal:
            raise NotMeasured(str(refusal).rstrip(".")) from refusal
        except NotMeasured:
            raise
        except ValueError as refusal:
            raise NotMeasured(f"no model of leaving: {str(refusal).rstrip('.')}") from refusal

    @cached_property
    def listening(self) -> Listening:
        """What customers' words and scores add to internal figures."""
        return compare_listening(self.features, model=self.model)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """Whom a call is worth, ids and reasons only."""
        return rank_customers(self.model, self.now, self.story.config.costs, self.story.k, most=len(self.now))
