"""Identifiers planted in customers' prose, by kind, and what redaction finds; run it to print the table of METHODS."""

import random
import re
import tomllib
from pathlib import Path

import pandas as pd
from rich.console import Console
from stdnum import iban, luhn

from analytics.text.redact import redact

FILE = tomllib.loads(Path(__file__).with_name("planted.toml").read_text(encoding="utf-8"))
PUBLIC = ("gmail", "street", "lane", "mail", "rivoli")  # parts that tell of nobody


def measure(per_kind: int = 45, seed: int = 0) -> pd.DataFrame:
    """One row per planted identifier: kind, secret, left (the redacted sentence), and whether it was found."""
    rows = []
    for kind, prose in FILE["kinds"].items():
        draw = random.Random(f"{seed}{kind}")
        for i in range(per_kind):
            secret = _fill(draw.choice(prose["secrets"]), draw)
            left = redact(prose["sentences"][i % len(prose["sentences"])].format(secret))
            rows.append({"kind": kind, "secret": secret, "left": left, "found": not _shows(secret, left)})
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Planted, found and their share by kind, and of all."""
    counts = table.groupby("kind", sort=False)["found"].agg(planted="size", found="sum")
    counts.loc["all"] = counts.sum()
    return counts.assign(share=(counts["found"] / counts["planted"]).round(2))


def _fill(shape: str, draw: random.Random) -> str:
    """A secret of a shape, its digits and names drawn."""
    first, rare, last = (draw.choice(FILE[names]) for names in ("given", "rare", "surnames"))
    plain = last.replace("'", "")
    body, account = _digits("4" + "#" * 14, draw), _digits("WEST" + "#" * 14, draw)
    card = body + luhn.calc_check_digit(body)
    words = {"First": first, "Rare": rare, "Last": last, "F": first[0], "R": rare[0], "first": first.lower()}
    words |= {"rare": rare.lower(), "last": plain.lower(), "FIRST": first.upper(), "LAST": plain.upper()}
    words |= {"card": " ".join(card[i : i + 4] for i in range(0, 16, 4)) if draw.random() < 0.5 else card}
    words |= {"iban": f"GB{iban.calc_check_digits('GB00' + account)}{account}"}
    return _digits(shape.format(**words), draw)


def _digits(shape: str, draw: random.Random) -> str:
    return re.sub("#(?!Day)", lambda place: str(draw.randint(0, 9)), shape)


def _shows(secret: str, left: str) -> bool:
    """Whether a stretch of an identifier, four characters or more, or all of a shorter one, still stands."""
    tail = re.sub(r"^(?:https?://|www\.)[^?]*[/?]", "", secret)  # the address of a page is no secret, its token is
    parts = [part for part in re.findall(r"[\w'#!-]{4,}", tail) if part.lower() not in PUBLIC]
    return any(part in left for part in parts or [tail])


if __name__ == "__main__":
    Console().print(summarise(measure()).to_string())
