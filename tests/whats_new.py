"""How often a planted topic is found, and something where nothing is: ``python tests/whats_new.py [MONTHS]``, 10.

Intents of banking77 that no theme covers are hidden at 1, 2 and 5 % of 2,000 comments of hospitals in a month with
8,000 before it, and in none; and the groups of a year of complaints to a regulator are listed. Data: ``../shared``.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from analytics.measures.discoveries import discovery_threshold
from analytics.text.encoder import Encoder
from analytics.text.new_themes import find_new_themes
from analytics.text.themes import tag_themes

DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets"
CONSOLE = Console(width=200)
TEXTS, SHARES = 2_000, (0.01, 0.02, 0.05, 0.0)


class Remembered:
    """Embeddings and tags of clauses, each reckoned once."""

    def __init__(self) -> None:
        self.rows: dict[str, np.ndarray] = {}
        self.tags: dict[str, list[str]] = {}

    def embed(self, clauses: list[str]) -> np.ndarray:
        new = [clause for clause in dict.fromkeys(clauses) if clause not in self.rows]
        self.rows.update(zip(new, Encoder.load().embed(new), strict=True))
        return np.stack([self.rows[clause] for clause in clauses])

    def tag(self, clauses: list[str]) -> list[list[str]]:
        new = [clause for clause in dict.fromkeys(clauses) if clause not in self.tags]
        self.tags.update(zip(new, ([*map(str, tags)] for tags in tag_themes(new)), strict=True))
        return [self.tags[clause] for clause in clauses]


def told(groups: pd.DataFrame) -> pd.DataFrame:
    """Groups that stand under one rate of false findings."""
    return groups[groups["p_value"] <= discovery_threshold(groups["p_value"])]


def measure(months: int) -> pd.DataFrame:
    """Share of months in which a planted topic is found, and in which anything else is, by the topic's share."""
    base = pd.read_csv(DATA / "nhs-feedback/phase1_trusts.csv")["feedback"].dropna().drop_duplicates()
    hidden = pd.read_csv(DATA / "banking77/train.csv")
    free = [name for name, rows in hidden.groupby("category") if _uncovered(rows["text"])]
    reader, rng, rows = Remembered(), np.random.default_rng(0), defaultdict(list)
    for month in range(months):
        topic = hidden.loc[hidden["category"] == free[int(rng.integers(len(free)))], "text"]
        order = base.sample(frac=1, random_state=month).tolist()
        for share in SHARES:
            planted = topic.sample(min(int(share * TEXTS), len(topic)), random_state=month).tolist()
            texts = pd.Series([*planted, *order[len(planted) :]])
            periods = np.where(
                np.arange(len(texts)) < TEXTS, "month 9", [f"month {1 + i % 8}" for i in range(len(texts))]
            )
            groups = told(find_new_themes(texts, periods, embed=reader.embed, tag=reader.tag))
            own = [np.mean([place < len(planted) for place in members]) >= 0.5 for members in groups["members"]]
            rows[share].append((any(own), not all(own)))
        CONSOLE.print(month + 1, {share: np.mean(pairs, axis=0).tolist() for share, pairs in rows.items()})
    return pd.DataFrame({share: np.mean(pairs, axis=0) for share, pairs in rows.items()}, ["planted", "other"])


def _uncovered(texts: pd.Series) -> bool:
    """Whether no theme is named in half of some texts of an intent."""
    tags = tag_themes(texts.head(40).tolist(), model="fast")
    return float(np.mean([bool(named) for named in tags])) < 0.5


def list_complaints() -> pd.DataFrame:
    """Groups of the complaints to a regulator, the largest first, whenever they came."""
    frame = pd.read_csv(DATA / "cfpb/complaints_2019_2020.csv")
    texts = frame["Consumer complaint narrative"].dropna()
    groups = find_new_themes(texts, ["all"] * len(texts))
    return groups.sort_values("people", ascending=False, kind="stable")[["people", "phrases", "examples"]]


if __name__ == "__main__":
    CONSOLE.print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10).round(2).to_string())
    CONSOLE.print(
        list_complaints().head(30).assign(examples=lambda rows: rows["examples"].str[0].str[:100]).to_string()
    )
