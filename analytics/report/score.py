"""What customers answered: the scores that a survey may ask for, and what stands in for them where none does."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.measures.estimate import Estimate
from analytics.measures.scores import customer_effort, net_promoter_score, share, top_box_share


@dataclass(frozen=True)
class Score:
    """What customers answered: its column, its name alone and as the subject of a sentence, its measure and meaning."""

    column: str
    name: str
    subject: str
    measure: Callable[..., Estimate]
    meaning: str


SCORES = {
    "nps": Score(
        "nps", "Net Promoter Score", "Net Promoter Score", net_promoter_score, "promoters less detractors, points"
    ),
    "csat": Score(
        "csat", "Satisfied customers", "The share of satisfied customers", top_box_share, "share answering 4 or 5 of 5"
    ),
    "ces": Score("ces", "Ease", "The mean rating of ease", customer_effort, "mean of 1 to 7, higher is easier"),
}
DISPUTED = Score(  # what customers say of our answers, where no survey asks them
    "disputed", "Answers disputed", "The share of our answers that customers dispute", share,
    "share of complaints whose customer disputes the answer, lower is better",
)  # fmt: skip
