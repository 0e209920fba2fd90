"""What texts can carry: those too long for the classifier's known errors carry no share of labels."""

import pandas as pd

from analytics.tables.schema import NotMeasured

TESTED_WORDS = 60  # one line in sixteen behind the theme heads' error counts has more


def refuse_long(texts: pd.Series, figure: str) -> None:
    """Stop a share of labels where half the texts are longer than any on which the classifier's errors are known.

    Raises NotMeasured: error rates of one-line comments say nothing about narratives of a page.
    """
    words = texts.str.count(r"\S+").median()
    if words > TESTED_WORDS:
        raise NotMeasured(
            f"half of these texts have {words:.0f} words or more, and the classifier's errors are known "
            "for short comments only: reading 150 of these in the notebook label_texts would tell",
            needed_for=figure,
        )
