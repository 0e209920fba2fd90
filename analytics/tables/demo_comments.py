"""Texts of the demo operation, composed from the hand-written bank ``demo_comments.csv``.

The bank's columns are kind, theme, polarity, style and text. Kind ``sentence`` is what customers say about a theme;
the other kinds are added to it or take its place: ``leaving``, ``threat``, ``staying``, ``ask`` (what a complaint
wants), ``not_offered`` (wants what was never promised), ``identifier``, ``foreign``, ``hostile``, ``noise``, and
``account``, the company's own note about a complaint. Words in braces, such as ``{agent}``, are filled in; every name,
address and number is invented (numbers from the ranges kept for fiction).
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

BANK = Path(__file__).with_name("demo_comments.csv")
FIRST_NAMES = (
    "Aisha", "Alan", "Amelia", "Andrew", "Angela", "Anjali", "Ben", "Bronwen", "Callum", "Carol", "Chloe", "Colin",
    "Daniel", "Deepak", "Diane", "Eilidh", "Elaine", "Farah", "Fiona", "Gareth", "George", "Grace", "Hannah", "Harjit",
    "Helen", "Ian", "Imran", "Isla", "Jack", "Janet", "Jerome", "Joanna", "Kamala", "Karen", "Kwame", "Leah", "Liam",
    "Malcolm", "Marek", "Megan", "Mohammed", "Nadia", "Neil", "Nia", "Oliver", "Olivia", "Patrick", "Pauline", "Priya",
    "Rachel", "Rhys", "Rosa", "Ruth", "Sean", "Sofia", "Stephen", "Tariq", "Tomasz", "Wendy", "Yusuf",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Ahmed", "Baxter", "Bevan", "Blackwood", "Brannigan", "Chaudhry", "Colquhoun", "Cooper", "Davies",
    "Dempsey", "Eastwood", "Egan", "Fairley", "Fenwick", "Gallagher", "Goodall", "Hargreaves", "Hewitt", "Hussain",
    "Iqbal", "Jarvis", "Kaur", "Kendrick", "Kowalska", "Lockhart", "Mahmood", "McAllister", "Mensah", "Norris",
    "O'Neill", "Okafor", "Osborne", "Patel", "Pritchard", "Quigley", "Ramsbottom", "Rees", "Rowntree", "Sandhu",
    "Shah", "Sinclair", "Thackeray", "Tranter", "Underhill", "Venn", "Walsh", "Whitaker", "Wren", "Yardley",
)  # fmt: skip
AGENT_NAMES = tuple(f"{FIRST_NAMES[i]} {LAST_NAMES[(7 * i + 3) % len(LAST_NAMES)]}" for i in range(60))
EMOJI = {"negative": ("😡", "🙄", "😤", "👎", "😞", "🤬"), "positive": ("😊", "👍", "🙏", "⭐⭐⭐⭐⭐", "❤️", "🎉")}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
STREETS = ("Orchard Lane", "Mill Road", "Station Terrace", "Kestrel Close", "Chapel Street")
_SLOT = re.compile(r"\{(agent|brand|n|day|amount|name|email|phone|order|street)\}")

# Chance of a theme in relative terms: what customers bring up without a special cause.
NEGATIVE = {
    "no_human": 0.5, "courtesy": 0.6, "competence": 0.7, "policy_over_customer": 0.5, "billing_price": 0.4,
    "unwanted_selling": 0.3, "product_delivery": 0.4, "kept_informed": 0.4, "waiting": 0.4, "empowered_staff": 0.25,
    "unresolved": 0.1, "repeat_contact": 0.1, "transferred": 0.05, "system_failure": 0.15, "loyal_unfair": 0.05,
    "promise_broken": 0.05,
}  # fmt: skip
POSITIVE = {
    "competence": 1.2, "courtesy": 1.5, "unresolved": 1.0, "kept_informed": 0.7, "waiting": 0.6, "no_human": 0.4,
    "empowered_staff": 0.5, "product_delivery": 0.4, "billing_price": 0.3, "repeat_contact": 0.3, "transferred": 0.15,
    "promise_broken": 0.1, "system_failure": 0.12, "loyal_unfair": 0.1, "unwanted_selling": 0.1,
    "policy_over_customer": 0.1,
}  # fmt: skip
# What happened in the case -> themes it brings up, added to the above.
CAUSES: dict[str, dict[str, dict[str, float]]] = {
    "negative": {
        "reopened": {"unresolved": 3, "repeat_contact": 2},
        "not_fixed": {"unresolved": 4},
        "transferred": {"transferred": 4},
        "broken_callback": {"promise_broken": 9},
        "waited": {"waiting": 3},
        "no_updates": {"kept_informed": 2},
        "loyal_on_price": {"loyal_unfair": 3, "billing_price": 1.5},
        "system_failure": {"system_failure": 10},
        "outsourced": {"competence": 1},
        "abandoned": {"waiting": 1, "no_human": 1},
    },
    "positive": {
        "kept_callback": {"promise_broken": 3},
        "many_updates": {"kept_informed": 2},
        "careful_team": {"kept_informed": 2, "courtesy": 1},
    },
}


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
    first = np.array(FIRST_NAMES, dtype=object)[rng.integers(0, len(FIRST_NAMES), n)]
    last = np.array(LAST_NAMES, dtype=object)[rng.integers(0, len(LAST_NAMES), n)]
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
    facts = _facts(cases, complaints["case"].to_numpy())
    owners = names.iloc[cases["person"].to_numpy()[complaints["case"]]].tolist()
    plain = _compose(rng, facts, np.zeros(len(complaints), int), owners)
    asks = _pick(rng, "ask", len(plain))
    wishes = _pick(rng, "not_offered", len(plain))
    offered = complaints["not_offered"].to_numpy()
    pieces = [
        piece._replace(text=_fill(rng, wish, name), theme="", second_theme="") if other
        else piece._replace(text=f"{piece.text} {_fill(rng, ask, name)}") if piece.kind in ("plain", "identifier")
        else piece
        for piece, ask, wish, other, name in zip(plain, asks, wishes, offered, owners, strict=True)
    ]  # fmt: skip
    accounts = [_fill(rng, text, name) for text, name in zip(_pick(rng, "account", len(plain)), owners, strict=True)]
    columns = list(Piece._fields)
    return {
        "comments": pd.DataFrame(comments, columns=columns, index=writers.index),
        "complaints": pd.DataFrame(pieces, columns=columns).assign(company_account=accounts),
    }


def _facts(cases: pd.DataFrame, rows: np.ndarray) -> dict[str, np.ndarray]:
    """What happened in the case each text is about; all false where there is no case (-1)."""
    about, known = cases.iloc[np.maximum(rows, 0)], rows >= 0
    facts = {
        "reopened": about["reopens"] > 0,
        "not_fixed": ~about["fixed"],
        "transferred": about["transfers"] > 0,
        "waited": about["wait_0"] > 150,
        "no_updates": about["updates"] == 0,
        "many_updates": about["updates"] >= 3,
        "kept_callback": about["due"].notna() & ~about["broken_callback"],
        "careful_team": about["careful"],
        "intends": about["intends"],
    }
    for name in ("broken_callback", "loyal_on_price", "system_failure", "outsourced", "abandoned"):
        facts[name] = about[name]
    return {name: fact.to_numpy() & known for name, fact in facts.items()}


def _compose(rng: np.random.Generator, facts: dict[str, np.ndarray], said: np.ndarray, names: list[str]) -> list[Piece]:
    """Compose one text per row; `said` is 0 negative, 1 neutral, 2 positive."""
    first, second = (_draw_themes(rng, facts, said) for _ in range(2))
    return [
        _write(rng, ("negative", "neutral", "positive")[mood], one, two, bool(intends), name)
        for mood, one, two, intends, name in zip(said, first, second, facts["intends"], names, strict=True)
    ]


def _draw_themes(rng: np.random.Generator, facts: dict[str, np.ndarray], said: np.ndarray) -> np.ndarray:
    themes = list(NEGATIVE)
    weights = np.array([[weights[theme] for theme in themes] for weights in (NEGATIVE, POSITIVE)])[
        (said == 2).astype(int)
    ]
    for polarity, rows in (("negative", said < 2), ("positive", said == 2)):
        for cause, adds in CAUSES[polarity].items():
            for theme, weight in adds.items():
                weights[:, themes.index(theme)] += weight * (facts[cause] & rows)
    ladder = weights.cumsum(axis=1)
    chosen = (rng.random((len(said), 1)) * ladder[:, -1:] > ladder).sum(axis=1)
    drawn: np.ndarray = np.array(themes, dtype=object)[chosen]
    return drawn


def _write(rng: np.random.Generator, polarity: str, theme: str, second: str, intends: bool, name: str) -> Piece:
    """One text: a sentence or two, perhaps a word about leaving, perhaps something no parser expects."""
    chance = rng.random(6)
    if chance[0] < 0.03 and not intends:
        kind = "foreign" if chance[0] < 0.014 else "noise" if chance[0] < 0.022 else "hostile"
        text = _fill(rng, _one(rng, kind, "", polarity if kind == "foreign" else ""), name)
        return Piece(text, "", "", polarity if kind == "foreign" else "", False, kind)
    if polarity == "neutral":
        theme = second = ""
    parts = [_one(rng, "sentence", theme, polarity)]
    if chance[1] < 0.35 and second != theme:
        parts.append(_one(rng, "sentence", second, polarity))
    else:
        second = ""
    leaving = intends and chance[2] < 0.85
    if leaving:
        parts.append(_one(rng, "leaving"))
    elif polarity != "neutral" and chance[2] < 0.04:
        parts.append(_one(rng, "threat" if polarity == "negative" else "staying"))
    kind = "identifier" if chance[3] < 0.04 else "plain"
    if kind == "identifier":
        parts.append(_one(rng, "identifier"))
    text = _roughen(rng, _fill(rng, " ".join(parts), name), polarity, chance[4], chance[5])
    return Piece(text, theme, second, polarity, leaving, kind)


def _one(rng: np.random.Generator, kind: str, theme: str = "", polarity: str = "") -> str:
    texts = bank()[kind, theme, polarity]
    return texts[int(rng.random() * len(texts))]


def _pick(rng: np.random.Generator, kind: str, n: int) -> list[str]:
    texts = bank()[kind, "", ""]
    return [texts[i] for i in rng.integers(0, len(texts), n)]


def _fill(rng: np.random.Generator, text: str, name: str) -> str:
    """Fill the words in braces with invented values."""
    if "{" not in text:
        return text
    first, last = name.split(" ", 1)
    number = int(rng.integers(0, 1_000_000))

    def value(match: re.Match[str]) -> str:
        match match[1]:
            case "agent":
                return AGENT_NAMES[number % len(AGENT_NAMES)].split()[0]
            case "brand":
                return "Northwind"
            case "n":
                return str(2 + number % 8)
            case "day":
                return DAYS[number % len(DAYS)]
            case "amount":
                return f"£{5 + number % 70}"
            case "email":
                return f"{first}.{last}{number % 100}@example.com".lower().replace("'", "")
            case "phone":
                return f"07700 900{number % 1000:03d}"  # Ofcom's range for drama
            case "order":
                return f"NW-{number:07d}"
            case "street":
                return f"{1 + number % 180} {STREETS[number % len(STREETS)]}"
            case _:
                return name

    return _SLOT.sub(value, text)


def _roughen(rng: np.random.Generator, text: str, polarity: str, how: float, emoji: float) -> str:
    """Write as people do: now and then in lower case, without apostrophes, shouting, with slips or an emoji."""
    if how < 0.10:
        text = text.lower().rstrip(".")
    elif how < 0.16:
        text = text.replace("'", "")
    elif how < 0.19 and polarity == "negative":
        text = text.upper()
    elif how < 0.28:
        at = 1 + int(rng.random() * max(len(text) - 3, 1))
        text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
    if emoji < 0.06 and polarity in EMOJI:
        faces = EMOJI[polarity]
        text = f"{text} {faces[int(emoji * 1e6) % len(faces)]}"
    return text
