"""How well each theme of an organisation is read: for the command `perception themes`."""

import math

import numpy as np
import pandas as pd

from analytics.measures.suppress import count_people
from analytics.report.checked import FEWEST_READ, flag_texts
from analytics.report.story import Story
from analytics.report.words import figure_of, name_blamed, say
from analytics.text.own_themes import draw_beside, examine_theme
from analytics.text.read_sets import load_read_sets
from analytics.text.readings import OTHER
from analytics.text.themes import THEMES

NAMED = 5  # readings that name a theme, or texts tagged with it, from which on a share of them is told
GAIN = 0.05  # of recall by twice the examples, from which on more of them are worth their while
STEADY = 0.6  # agreement of halves of the examples below which more are worth it anyhow
COLUMNS = ["theme", "label", "precision", "recall", "judged by", "stability", "examples"]


def describe_themes(story: Story) -> str:
    """The table of `rate_themes` and what no theme covers, as plain text."""
    table = rate_themes(story).to_string(index=False, na_rep="-", float_format="{:.2f}".format, justify="left")
    return f"{table}\n\n{describe_uncovered(story)}"


def rate_themes(story: Story) -> pd.DataFrame:
    """Precision and recall of each theme on texts that did not teach it, and what more examples would do.

    By readings of the organisation's own texts where 50 or more were asked about it and 5 named it; else a shipped one
    by readings of other organisations' texts, an own one by its held-out examples, which tell its recall alone.

    Returns
    -------
    pandas.DataFrame
        One row per theme: theme, label, precision, recall (0 to 1; NaN where not known), judged by, stability (of own
        themes: agreement of the texts tagged from either half of the examples, 0 to 1) and examples (in words).
    """
    labels, rows = name_blamed(story.themes), []
    beside = draw_beside(story.earliest()) if story.themes.own else []
    for name in dict.fromkeys((*story.themes.names, *story.themes.own)):
        row = {"theme": name, "label": labels.get(name) or story.config.themes[name].label, "stability": np.nan}
        rows.append(row | _judge(story, name) | (_examine(story, name, beside) if name in story.themes.own else {}))
    return pd.DataFrame(rows, columns=COLUMNS).fillna({"examples": ""})


def _judge(story: Story, name: str) -> dict[str, object]:
    """Precision and recall, and by what."""
    read = story.readings[name].dropna() if name in story.readings else pd.Series(dtype=float)
    if len(read) >= FEWEST_READ and read.sum() >= NAMED:
        tagged = flag_texts(story.comments.loc[read.index], name).eq(1)
        right, precise, complete = int((tagged & read.eq(1)).sum()), int(tagged.sum()), int(read.sum())
        return _rates(right, precise, complete) | {"judged by": say("themes.by_readings", n=len(read))}
    if name in THEMES:
        sets = load_read_sets(story.sentiment_model)
        right, false, named = (int(sets.loc[sets["label"].eq(name), c].sum()) for c in ("found", "false", "named"))
        return _rates(right, right + false, named) | {"judged by": say("themes.by_others")}
    if name in story.themes.own:
        recall = float(story.taught.heads[name, story.sentiment_model].numbers[2])
        n = len(story.config.themes[name].examples)
        judged = say("themes.by_examples", n=n, margin=n**-0.5)  # two standard errors at most
        return {"precision": np.nan, "recall": recall, "judged by": judged}
    return _rates(0, 0, 0) | {"judged by": say("themes.by_nobody")}


def _rates(right: int, tagged: int, named: int) -> dict[str, object]:
    precision, recall = (right / n if n >= NAMED else math.nan for n in (tagged, named))
    return {"precision": precision, "recall": recall}


def _examine(story: Story, name: str, beside: list[str]) -> dict[str, object]:
    """How steady an own theme is, and whether more examples would help."""
    model = story.sentiment_model
    stability, half = examine_theme(story.config.themes[name], beside, model)
    gain = float(story.taught.heads[name, model].numbers[2]) - half
    enough = gain < GAIN and stability >= STEADY
    return {"stability": stability, "examples": say("themes.enough" if enough else "themes.more")}


def describe_uncovered(story: Story) -> str:
    """The share of critical texts that no theme covers, as tagged and, where that is known, as readers would say."""
    critical = story.critical
    if count_people(critical) < story.k:
        return say("themes.too_few", k=story.k, period=story.period.label)
    tagged = float(critical["negative_themes"].map(len).eq(0).mean())
    share = story.shares_of([OTHER], critical)[OTHER]
    known = say("themes.uncovered_unknown")
    if share.method != "not known":
        known = say("themes.uncovered_known", share=figure_of(share.estimate))
    return say("themes.uncovered", n=len(critical), share=tagged, period=story.period.label, known=known)
