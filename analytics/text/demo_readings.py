"""The demo organisation's own readings: 150 texts of its last month, read from the truth with a reader's slips."""

from pathlib import Path

import numpy as np
import pandas as pd

from analytics.tables.demo import world
from analytics.tables.demo.simulate import Truth
from analytics.tables.periods import parse_period
from analytics.tables.schema import TABLE_NAMES, Tables
from analytics.text.linear import CLASSES
from analytics.text.readings import COLUMNS, RANDOM, SKIPPED, LabelStore, Reading, draw_pool
from analytics.text.themes import THEMES

READ, READER = 150, "demo reader"
ORDERS = [r"\bNW-\d{6,}\b"]  # as in perception.toml: what is read is redacted
MISSED, MISTAKEN = 0.05, 0.02  # chance that a named theme is not marked; that one too many is


def write_readings(folder: Path | str, truth: Truth, count: int = READ) -> Path:
    """Write ``readings.csv`` beside the demo's four tables: random texts of its last month, read from the truth."""
    folder = Path(folder)
    contacts, surveys, complaints, customers = (pd.read_parquet(folder / f"{name}.parquet") for name in TABLE_NAMES)
    tables = Tables(contacts, surveys, complaints, customers)
    period = parse_period(truth.until[:7]).localise(world.ZONE)
    drawn = draw_pool(tables, period, ORDERS).head(count)
    planted = pd.concat([truth.comments, truth.complaints])
    rng = np.random.default_rng(truth.seed)
    rows = [
        dict(zip(COLUMNS, (text, READER, f"{truth.until}T18:00:00+00:00", RANDOM, period.name), strict=False))
        | read_planted(planted.loc[comment], rng).as_row()
        for text, comment in zip(drawn["text_hash"], drawn["comment_id"], strict=True)
    ]
    store = LabelStore(folder / "readings.csv")
    others = store.read().query("labeller != @READER")  # what a user read of the demo
    store.path.unlink(missing_ok=True)
    store.add(*rows, *({str(k): v for k, v in row.items()} for row in others.to_dict("records")))
    return store.path


def read_planted(planted: pd.Series, rng: np.random.Generator) -> Reading:
    """What a reader says of a text whose themes, polarity, leaving and kind are planted."""
    if planted["polarity"] not in CLASSES:
        return Reading(SKIPPED)
    negative = planted["polarity"] == "negative"
    themes = [[name for name in planted[side] if rng.random() >= MISSED] for side in ("blamed", "praised")]
    if rng.random() < MISTAKEN:
        themes[0 if negative else 1].append(THEMES[int(rng.integers(len(THEMES)))])
    blamed, praised = (tuple(dict.fromkeys(names)) for names in themes)
    other = planted["kind"] == "not_offered" or bool(planted["new_problem"])
    return Reading(
        planted["polarity"], blamed, praised, other, bool(planted["leaving"]), negative or bool(blamed)
    )  # fmt: skip
