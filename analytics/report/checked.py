"""Shares of labels as readers would count them: by readings of these texts, else with what other sets showed."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from analytics.measures import read_shares
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.read_shares import CheckedShare, Line, SetErrors, told
from analytics.measures.suppress import count_people
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured
from analytics.text.linear import CLASSES
from analytics.text.read_sets import LEAVING, load_set_lines
from analytics.text.readings import PRAISE
from analytics.text.themes import THEMES

ALIKE = 0.8  # share of a period's texts like those read earlier, below which their readings are too old
FEWEST_READ = 50  # random readings from which on the interval's coverage was tested
MONTHLY = 20  # readings of each further period that keep those of earlier ones valid
TESTED_WORDS = 60  # one line in sixteen behind the theme heads' error counts has more
READ_150 = "reading 150 of these texts in the notebook label_texts (about an hour)"  # what settles a share
Speaker = Literal["accurate", "fast", "own"]  # whose labels they are
UNKNOWN = Estimate(np.nan, np.nan, np.nan, 0, "share", SAID)


@lru_cache(maxsize=8)
def label_errors(model: Literal["accurate", "fast"], label: str) -> SetErrors:
    """How far counts of a label were from what readers found elsewhere; a sentiment stands by itself."""
    fitted, columns = load_set_lines(model, label), ["shift", "variance", "freedom"]
    lines = (fitted[name] for name in ("corrected", "counted"))
    return SetErrors(*(line and Line(line[0], line[1], pd.DataFrame(line[2], columns).T) for line in lines))


def flag_texts(scored: pd.DataFrame, label: str) -> pd.Series:
    """What the models say of scored texts: 1 where they give the label, else 0; 0 for a label they do not know."""
    if label == LEAVING:
        return scored["churn_intent"].ge(0.5).where(scored["churn_intent"].notna()).astype(float)
    if label in CLASSES:
        return scored["sentiment"].eq(label).astype(float)
    if not label.startswith(PRAISE):
        return scored["negative_themes"].map(lambda names: label in names).astype(float)
    praised = label.removeprefix(PRAISE)
    return scored["themes"].map(lambda tags: any(t == praised and t.polarity == "positive" for t in tags)).astype(float)


def check_share(
    label: str, texts: pd.DataFrame, past: pd.DataFrame, readings: pd.DataFrame, model: Speaker, confidence: float
) -> CheckedShare:  # fmt: skip
    """Share of a period's texts that readers would give a label.

    Where people read 50 or more of these texts, drawn at random, their readings speak. Else those of earlier periods do
    (with the period's own), as long as four in five of these texts are like the texts read, or readings of other
    organisations' texts, whichever tells more. Of long texts only readings of their own kind speak.

    Parameters
    ----------
    label
        One of `labels_of` the organisation's themes.
    texts
        The period's scored texts, redacted.
    past
        Texts of the same kind of this period and the earlier ones, all scored by one model, with their `words`.
    readings
        See `find_readings`; rows as in `past`.
    model
        The one that read `texts`; of an organisation's 'own' only its readings know the errors.
    confidence
        Level of the interval.

    Raises
    ------
    NotMeasured
        If the texts are long and too few of their kind were read.
    """
    people = count_people(texts)
    own = readings[label].reindex(texts.index).dropna()
    if len(own) >= FEWEST_READ:
        estimate = read_shares.share_with_readings(flag_texts(texts, label), own, confidence=confidence)
        share = told(estimate, "read", len(own), _periods(past, own))
    else:
        earlier = _by_earlier(label, texts, past, readings[label], confidence)
        if earlier.method == "not known":
            what = "who says that they are leaving" if label == LEAVING else "shares of what texts say"
            refuse_long(texts["text"], what)
        long = past.loc[texts.index, "words"].median() > TESTED_WORDS
        best = earlier if long else min(_by_others(label, texts, model, confidence), earlier, key=_width)
        share = CheckedShare(best.estimate, best.method, *earlier[2:])
    return share._replace(estimate=replace(share.estimate, n=people))


def _by_earlier(
    label: str, texts: pd.DataFrame, past: pd.DataFrame, readings: pd.Series, confidence: float
) -> CheckedShare:
    """The share by readings of earlier periods and the few of this one; not known where they are few or too old."""
    read = readings.reindex(past.index).dropna()
    if len(read) < FEWEST_READ:
        return told(UNKNOWN, "read")
    now, seen = past.loc[texts.index], past.loc[read.index]
    alike = read_shares.share_alike(_kinds(now), _kinds(seen))
    estimate = UNKNOWN
    if alike >= ALIKE:
        flags = flag_texts(now, label), flag_texts(seen, label)
        estimate = read_shares.share_with_earlier_readings(*flags, read, confidence=confidence)
    return told(estimate, "read", len(read), _periods(past, read), alike)


def _by_others(label: str, texts: pd.DataFrame, model: Speaker, confidence: float) -> CheckedShare:
    """The share by readings of other organisations' texts; not known for labels that nobody counted there."""
    if model == "own" or label not in (*THEMES, LEAVING, *CLASSES):
        return told(UNKNOWN, "counted")
    counted = float(flag_texts(texts, label).mean())
    return label_errors(model, label).share(counted, count_people(texts), label, confidence)


def _width(share: CheckedShare) -> float:
    return 1.0 if share.method == "not known" else share.estimate.high - share.estimate.low


def _kinds(scored: pd.DataFrame) -> pd.Series:
    """A kind for each text: the first theme it names as a problem, else its sentiment; long ones apart."""
    kinds = scored["negative_themes"].map(lambda names: names[0] if names else "").where(lambda name: name != "")
    return kinds.fillna(scored["sentiment"]) + scored["words"].gt(TESTED_WORDS).map({True: " long", False: ""})


def _periods(past: pd.DataFrame, read: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(past.loc[read.index, "period"].unique()))


def describe_check(share: Any) -> str:  # noqa: ANN401
    """Who checked a `CheckedShare` (or row of problems): 'checked by people who read 150 texts of October 2026'."""
    months = [parse_period(name).label for name in share.periods]
    texts = f"{share.read:,} texts of {' to '.join(dict.fromkeys([*months[:1], *months[-1:]]))}"
    alike = f"{share.alike:.0%} of this period's texts are like those"
    if share.method == "read":
        return f"checked by people who read {texts}" + ("" if np.isnan(share.alike) else f": {alike}")
    others = "by software checked on other organisations' texts, not on these"
    return f"{others}; the {texts} that people read are too old: only {alike}" if share.alike < ALIKE else others


def refuse_long(texts: pd.Series, figure: str) -> None:
    """Stop a share of labels where half the texts are longer than any on which the classifier's errors are known.

    Raises NotMeasured: error rates of one-line comments say nothing about narratives of a page.
    """
    words = texts.str.count(r"\S+").median()
    if words > TESTED_WORDS:
        raise NotMeasured(
            f"half of these texts have {words:.0f} words or more, and labels are tried on short ones only; reading 150 "
            "of these in the notebook label_texts would tell",
            needed_for=figure,
        )
