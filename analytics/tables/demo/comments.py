"""Texts of the demo operation, composed from the hand-written bank ``comments.csv``.

The bank's columns are kind, theme, polarity, style, also (a second theme that a reader would count) and text. Kind
``sentence`` is what customers say about a theme, or, without one, no more than their mood. The other kinds are added
to it or take its place: ``opening``, ``chatter``, ``deed`` (thanks for something somebody did), ``but`` (leads to the
other side), ``new_problem`` (no theme covers it), ``leaving``, ``threat``, ``staying``, ``ask`` (what they want done),
``closing``, ``identifier``, ``thread`` (mail around the text), ``not_offered`` (wants what was never promised),
``foreign``, ``noise``, ``hostile``, ``opt_out``, and ``account``, the company's own note about a complaint. How often
each is met stands in ``comments.toml``. Words in braces, such as ``{agent}``, are filled in; every name, address and
number is invented (phone numbers from the range kept for fiction).
"""

import itertools
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

BANK = Path(__file__).with_name("comments.csv")
WORDS = tomllib.loads(BANK.with_suffix(".toml").read_text(encoding="utf-8"))
THEMES = list(WORDS["themes"]["negative"])
EVENTS = ("leaving", "untold", "new_problem")
MOODS = ("negative", "neutral", "positive")
FIRST_NAMES, LAST_NAMES, DAYS, EMOJI = (WORDS[name] for name in ("first_names", "last_names", "days", "emoji"))
AGENT_NAMES = tuple(f"{FIRST_NAMES[i]} {LAST_NAMES[(7 * i + 3) % len(LAST_NAMES)]}" for i in range(60))
Random = np.random.Generator
_SLOT = re.compile(r"\{(agent|brand|topic|n|day|amount|name|email|phone|order|street)\}")


class Piece(NamedTuple):
    """One composed text and what is hidden in it; blamed and praised are the themes that a reader would count."""

    text: str
    theme: str = ""
    second_theme: str = ""
    polarity: str = ""
    kind: str = "plain"
    blamed: tuple[str, ...] = ()
    praised: tuple[str, ...] = ()
    leaving: bool = False
    deed: bool = False
    new_problem: bool = False


@lru_cache(maxsize=1)
def bank() -> dict[tuple[str, str, str], list[tuple[str, tuple[str, ...]]]]:
    """Texts and the themes they name, by (kind, theme, polarity); '' where a kind has none."""
    rows = pd.read_csv(BANK, dtype=str, keep_default_na=False)
    texts: dict[tuple[str, str, str], list[tuple[str, tuple[str, ...]]]] = {}
    for kind, theme, polarity, also, text in rows.drop(columns="style").itertuples(index=False):
        texts.setdefault((kind, theme, polarity), []).append((text, tuple(filter(None, (theme, also)))))
    return texts


def draw_names(rng: Random, n: int) -> pd.Series:
    """Invent `n` customer names."""
    first, last = (np.array(names, dtype=object)[rng.integers(0, len(names), n)] for names in (FIRST_NAMES, LAST_NAMES))
    return pd.Series(first + " " + last, dtype="str")


def write_texts(
    rng: Random, names: pd.Series, cases: pd.DataFrame, surveys: pd.DataFrame, complaints: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Write the comments and complaints of the operation.

    Parameters
    ----------
    rng
        Source of chance.
    names
        Customer names by position.
    cases, surveys, complaints
        The hidden frames of the simulation.

    Returns
    -------
    dict
        'comments', indexed by the row of the survey that carries one, and 'complaints', one row each: the fields of a
        `Piece` (and company_account for complaints).
    """
    writers = surveys[surveys["writes"]]
    csat = writers["csat"].to_numpy()
    polarity = np.select([csat >= 4, csat == 3], [0, 1], 2)
    chances = np.array([[0.06, 0.04, 0.90], [0.50, 0.25, 0.25], [0.93, 0.03, 0.04]]).cumsum(axis=1)
    said = (rng.random((len(csat), 1)) > chances[polarity][:, :2]).sum(axis=1)
    comments = _compose(rng, _facts(cases, writers), np.array(MOODS)[said], names.iloc[writers["person"]])
    owners = names.iloc[cases["person"].iloc[complaints["case"]]]
    pieces = _compose(rng, _facts(cases, complaints), np.repeat("complaint", len(owners)), owners)
    for row in np.flatnonzero(complaints["not_offered"]):
        pieces[row] = Piece(_one(rng, "not_offered"), polarity="negative", kind="not_offered")
    accounts = [_one(rng, "account") for _ in pieces]
    written = pd.DataFrame(pieces, columns=Piece._fields).assign(company_account=accounts)
    return {"comments": pd.DataFrame(comments, writers.index, Piece._fields), "complaints": written}


def _facts(cases: pd.DataFrame, texts: pd.DataFrame) -> dict[str, np.ndarray]:
    """What happened in the case each text is about; all false where there is no case (-1)."""
    rows = texts["case"].to_numpy()
    about, known = cases.iloc[np.maximum(rows, 0)], rows >= 0
    named = ("broken_callback", "loyal_on_price", "system_failure", "outsourced", "abandoned", "untold")
    facts = {name: about[name] for name in named} | {
        "leaving": about["intends"],
        "reopened": about["reopens"] > 0,
        "not_fixed": ~about["fixed"],
        "transferred": about["transfers"] > 0,
        "waited": about["wait_0"] > 150,
        "no_updates": about["updates"] == 0,
        "many_updates": about["updates"] >= 3,
        "kept_callback": about["due"].notna() & ~about["broken_callback"],
        "careful_team": about["careful"],
        "reason": about["reason"] + 1,  # 0: no case
    }
    happened = {name: fact.to_numpy() * known for name, fact in facts.items()}
    return happened | {"new_problem": texts["new_problem"].to_numpy()}


def _compose(rng: Random, facts: dict[str, np.ndarray], moods: np.ndarray, names: pd.Series) -> list[Piece]:
    """Compose one text per row, by its mood (a complaint is negative)."""
    first, second = (_draw_themes(rng, facts, moods == "positive") for _ in range(2))
    topics = np.array(list(WORDS["topics"].values()), dtype=object)[facts["reason"] - 1]  # the last one: no case
    events = (set(itertools.compress(EVENTS, row)) for row in np.column_stack([facts[name] for name in EVENTS]))
    themes = zip(first, second, strict=True)
    words = ({"name": name, "topic": topic} for name, topic in zip(names, topics, strict=True))
    pieces = [_write(rng, *drawn) for drawn in zip(moods.tolist(), themes, events, words, strict=True)]
    hostile = itertools.cycle(bank()["hostile", "", ""])  # in turn, so that each one is met
    return [piece._replace(text=next(hostile)[0]) if piece.kind == "hostile" else piece for piece in pieces]


def _draw_themes(rng: Random, facts: dict[str, np.ndarray], happy: np.ndarray) -> np.ndarray:
    weights = np.array([[WORDS["themes"][side][theme] for theme in THEMES] for side in ("negative", "positive")])
    weights = weights[happy.astype(int)]
    for polarity, rows in (("negative", ~happy), ("positive", happy)):
        for cause, adds in WORDS["causes"][polarity].items():
            for theme, weight in adds.items():
                weights[:, THEMES.index(theme)] += weight * (facts[cause] & rows)
    ladder = weights.cumsum(axis=1)
    chosen = (rng.random((len(happy), 1)) * ladder[:, -1:] > ladder).sum(axis=1)
    drawn: np.ndarray = np.array(THEMES, dtype=object)[chosen]
    return drawn


def _write(rng: Random, mood: str, themes: tuple[str, str], events: set[str], words: dict[str, str]) -> Piece:
    """One text: what the customer has to say, what people add to it, or something no parser expects."""
    odd, how, emoji = rng.random(3)
    polarity = "negative" if mood == "complaint" else mood
    kind = next((kind for kind, up_to in WORDS["odd"].items() if odd < up_to), "")
    if kind and "leaving" not in events:
        foreign = polarity if kind == "foreign" else ""
        return Piece(_one(rng, kind, "", foreign), polarity=foreign, kind=kind)
    has, first, second = _choose_parts(rng, mood, themes, events if polarity == "negative" else events & {"leaving"})
    said = [(key[2], *_draw(rng, *key)) for key in _lay_out(has, first, second, polarity)]
    text = _roughen(_fill(rng, " ".join(line for _, line, _ in said), words), polarity, how, emoji)
    if "thread" in has:
        text = _fill(rng, _one(rng, "thread"), words).replace("{text}", text)
    sides = ((theme for of, _, named in said if of == side for theme in named) for side in MOODS[::2])
    blamed, praised = (tuple(dict.fromkeys(side)) for side in sides)
    kind = next((part for part in ("thread", "identifier") if part in has), "plain")
    events_said = (part in has for part in ("leaving", "deed", "new_problem"))
    return Piece(text, first, second, polarity, kind, blamed, praised, *events_said)


def _choose_parts(rng: Random, mood: str, themes: tuple[str, str], events: set[str]) -> tuple[set[str], str, str]:
    """Parts of a text, and what it says first and second ('' where it names no theme)."""
    chances = WORDS["parts"][mood]
    has = {part for part, draw in zip(chances, rng.random(len(chances)), strict=True) if draw < chances[part]}
    has |= {"first"} | events
    if "leaving" in has:
        has -= {"leaving"} if "silent" in has else {"threat", "staying", "closing"}
    first, second = ("", "") if "bare" in has else themes
    if first == second:
        has.discard("second")
    return has | ({"but"} if "fair" in has else set()), first, second if "second" in has else ""


def _lay_out(has: set[str], first: str, second: str, polarity: str) -> list[tuple[str, str, str]]:
    """Kind, theme and polarity of each line of a text, in order."""
    themes = {"first": first, "second": second, "untold": WORDS["untold"]}
    keys = {part: ("sentence", theme, polarity) for part, theme in themes.items()}
    keys |= {"fair": ("sentence", *WORDS["other_side"].get(polarity, ()))}
    keys |= {part: (part, "", polarity) for part in WORDS["order"] if (part, "", polarity) in bank()}
    return [keys.get(part, (part, "", "")) for part in WORDS["order"] if part in has]


def _one(rng: Random, kind: str, theme: str = "", polarity: str = "") -> str:
    return _draw(rng, kind, theme, polarity)[0]


def _draw(rng: Random, kind: str, theme: str = "", polarity: str = "") -> tuple[str, tuple[str, ...]]:
    """A text of the bank, and the themes that it names."""
    texts = bank()[kind, theme, polarity]
    return texts[int(rng.random() * len(texts))]


def _fill(rng: Random, text: str, words: dict[str, str]) -> str:
    """Fill the words in braces with the given and with invented values."""
    if "{" not in text:
        return text
    number = int(rng.integers(0, 1_000_000))
    user = words["name"].lower().replace("'", "").replace(" ", ".")
    values = words | {
        "agent": AGENT_NAMES[number % len(AGENT_NAMES)].split()[0],
        "brand": "Northwind",
        "n": str(2 + number % 8),
        "day": DAYS[number % len(DAYS)],
        "amount": f"£{5 + number % 70}",
        "email": f"{user}{number % 100}@example.com",
        "phone": f"07700 900{number % 1000:03d}",  # Ofcom's range for drama
        "order": f"NW-{number:07d}",
        "street": f"{1 + number % 180} {WORDS['streets'][number % len(WORDS['streets'])]}",
    }
    return _SLOT.sub(lambda match: values[match[1]], text)


def _roughen(text: str, polarity: str, how: float, emoji: float) -> str:
    """Write as people do: now and then in lower case, without apostrophes, shouting, with slips or an emoji."""
    if how < 0.10:
        text = text.lower().rstrip(".")
    elif how < 0.16:
        text = text.replace("'", "")
    elif how < 0.19 and polarity == "negative":
        text = text.upper()
    elif how < 0.28:
        at = 1 + int((how - 0.19) / 0.09 * max(len(text) - 3, 1))
        text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
    if emoji < 0.06 and polarity in EMOJI:
        faces = EMOJI[polarity]
        text = f"{text} {faces[int(emoji * 1e6) % len(faces)]}"
    return text
