"""Texts of the demo operation, composed from the hand-written bank ``comments.csv``.

The bank's columns are kind, theme, polarity, style and text. Kind ``sentence`` is what customers say about a theme;
the other kinds are added to it or take its place: ``opening``, ``closing``, ``leaving``, ``threat``, ``staying``,
``ask`` (what a complaint wants), ``not_offered`` (wants what was never promised), ``identifier``, ``foreign``,
``hostile``, ``noise``, and ``account``, the company's own note about a complaint. Words in braces, such as ``{agent}``,
are filled in; every name, address and number is invented (phone numbers from the range kept for fiction).
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
FIRST_NAMES, LAST_NAMES, DAYS, EMOJI = (WORDS[name] for name in ("first_names", "last_names", "days", "emoji"))
AGENT_NAMES = tuple(f"{FIRST_NAMES[i]} {LAST_NAMES[(7 * i + 3) % len(LAST_NAMES)]}" for i in range(60))
_SLOT = re.compile(r"\{(agent|brand|topic|n|day|amount|name|email|phone|order|street)\}")


class Piece(NamedTuple):
    """One composed text and what is hidden in it."""

    text: str
    theme: str
    second_theme: str
    polarity: str
    leaving: bool
    kind: str


@lru_cache(maxsize=1)
def bank() -> dict[tuple[str, str, str], list[str]]:
    """Texts of the bank by (kind, theme, polarity); '' where a kind has none."""
    rows = pd.read_csv(BANK, dtype=str, keep_default_na=False)
    texts: dict[tuple[str, str, str], list[str]] = {}
    for kind, theme, polarity, text in rows[["kind", "theme", "polarity", "text"]].itertuples(index=False):
        texts.setdefault((kind, theme, polarity), []).append(text)
    return texts


def draw_names(rng: np.random.Generator, n: int) -> pd.Series:
    """Invent `n` customer names."""
    first, last = (np.array(names, dtype=object)[rng.integers(0, len(names), n)] for names in (FIRST_NAMES, LAST_NAMES))
    return pd.Series(first + " " + last, dtype="str")


def write_texts(
    rng: np.random.Generator, names: pd.Series, cases: pd.DataFrame, surveys: pd.DataFrame, complaints: pd.DataFrame
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
        'comments', indexed by the row of the survey that carries one, and 'complaints', one row each: text, theme,
        second_theme, polarity, leaving, kind (and company_account for complaints).
    """
    writers = surveys[surveys["writes"]]
    csat = writers["csat"].to_numpy()
    polarity = np.select([csat >= 4, csat == 3], [0, 1], 2)
    chances = np.array([[0.06, 0.04, 0.90], [0.50, 0.25, 0.25], [0.93, 0.03, 0.04]]).cumsum(axis=1)
    said = (rng.random((len(csat), 1)) > chances[polarity][:, :2]).sum(axis=1)
    comments = _compose(rng, _facts(cases, writers["case"].to_numpy()), said, names.iloc[writers["person"]].tolist())
    about = complaints["case"].to_numpy()
    owners = names.iloc[cases["person"].to_numpy()[about]].tolist()
    angry = _compose(rng, _facts(cases, about), np.zeros(len(about), int), owners)
    drawn = zip(angry, complaints["not_offered"], owners, strict=True)
    pieces = [_ask(rng, piece, wish, owner) for piece, wish, owner in drawn]
    accounts = [_one(rng, "account") for _ in pieces]
    written = pd.DataFrame(pieces, columns=Piece._fields).assign(company_account=accounts)
    return {"comments": pd.DataFrame(comments, writers.index, Piece._fields), "complaints": written}


def _facts(cases: pd.DataFrame, rows: np.ndarray) -> dict[str, np.ndarray]:
    """What happened in the case each text is about; all false where there is no case (-1)."""
    about, known = cases.iloc[np.maximum(rows, 0)], rows >= 0
    named = ("broken_callback", "loyal_on_price", "system_failure", "outsourced", "abandoned", "intends")
    facts = {name: about[name] for name in named} | {
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
    return {name: fact.to_numpy() * known for name, fact in facts.items()}


def _compose(rng: np.random.Generator, facts: dict[str, np.ndarray], said: np.ndarray, names: list[str]) -> list[Piece]:
    """Compose one text per row; `said` is 0 negative, 1 neutral, 2 positive."""
    first, second = (_draw_themes(rng, facts, said) for _ in range(2))
    topics = np.array(list(WORDS["topics"].values()), dtype=object)[facts["reason"] - 1]  # the last one: no case
    drawn = zip(said, first, second, facts["intends"], names, topics, strict=True)
    moods, pieces = ("negative", "neutral", "positive"), []
    for mood, one, two, intends, name, topic in drawn:
        pieces.append(_write(rng, moods[mood], one, two, bool(intends), {"name": name, "topic": topic}))
    hostile = itertools.cycle(bank()["hostile", "", ""])  # in turn, so that each one is met
    return [piece._replace(text=next(hostile)) if piece.kind == "hostile" else piece for piece in pieces]


def _draw_themes(rng: np.random.Generator, facts: dict[str, np.ndarray], said: np.ndarray) -> np.ndarray:
    usual = WORDS["themes"]
    themes = list(usual["negative"])
    weights = np.array([[usual[side][theme] for theme in themes] for side in ("negative", "positive")])
    weights = weights[(said == 2).astype(int)]
    for polarity, rows in (("negative", said < 2), ("positive", said == 2)):
        for cause, adds in WORDS["causes"][polarity].items():
            for theme, weight in adds.items():
                weights[:, themes.index(theme)] += weight * (facts[cause] & rows)
    ladder = weights.cumsum(axis=1)
    chosen = (rng.random((len(said), 1)) * ladder[:, -1:] > ladder).sum(axis=1)
    drawn: np.ndarray = np.array(themes, dtype=object)[chosen]
    return drawn


def _write(
    rng: np.random.Generator, polarity: str, theme: str, second: str, intends: bool, words: dict[str, str]
) -> Piece:
    """One text: a sentence or two, perhaps a word about leaving, perhaps something no parser expects."""
    odd, more, stay, private, opening, closing, how, emoji = rng.random(8)
    if odd < 0.03 and not intends:
        kind = "foreign" if odd < 0.014 else "noise" if odd < 0.022 else "hostile"
        mood = polarity if kind == "foreign" else ""
        return Piece(_one(rng, kind, "", mood), "", "", mood, False, kind)
    if polarity == "neutral":
        theme = second = ""
    second = second if more < 0.35 and second != theme else ""
    parts = [_one(rng, "opening")] if opening < 0.30 else []
    parts += [_one(rng, "sentence", said, polarity) for said in (theme, second) if said or polarity == "neutral"][:2]
    leaving = intends and stay < 0.85
    if leaving:
        parts.append(_one(rng, "leaving"))
    elif polarity != "neutral" and stay < 0.04:
        parts.append(_one(rng, "threat" if polarity == "negative" else "staying"))
    elif polarity != "neutral" and closing < 0.30:
        parts.append(_one(rng, "closing", "", polarity))
    if private < 0.04:
        parts.append(_one(rng, "identifier"))
    text = _roughen(_fill(rng, " ".join(parts), words), polarity, how, emoji)
    return Piece(text, theme, second, polarity, leaving, "identifier" if private < 0.04 else "plain")


def _ask(rng: np.random.Generator, piece: Piece, wish: bool, name: str) -> Piece:
    """Turn a negative text into a complaint: add what is asked for, or wish for what was never offered."""
    if wish:
        return Piece(_one(rng, "not_offered"), "", "", "negative", False, "not_offered")
    if piece.kind not in ("plain", "identifier"):
        return piece
    return piece._replace(text=f"{piece.text} {_fill(rng, _one(rng, 'ask'), {'name': name})}")


def _one(rng: np.random.Generator, kind: str, theme: str = "", polarity: str = "") -> str:
    texts = bank()[kind, theme, polarity]
    return texts[int(rng.random() * len(texts))]


def _fill(rng: np.random.Generator, text: str, words: dict[str, str]) -> str:
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
