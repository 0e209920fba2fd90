"""What reports of the demo say of what is planted: ``python tests/demo_truths.py [SEEDS] [CUSTOMERS]``, 20 of 8000.

Each seed's last leadership report is built by the command line; of every planted truth it prints in how many reports it
is told, left open, and denied, and of the largest harms which place they take among what matters most on page one.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
PERIOD = "2026-10"
Claims = list[dict]
HARMS = {"target:Billing": "Billing", "promise:": "call you back", "recovery:gesture_alone": "gesture"}  # key, its word


def publish(seed: int, customers: int, folder: Path) -> Claims:
    """Claims of the demo's last report, made in `folder`."""
    settings = (ROOT / "perception.toml").read_text(encoding="utf-8")
    (folder / "perception.toml").write_text(settings.replace("[text]\n", '[text]\nmodel = "fast"\n'), encoding="utf-8")
    demo = ["demo", "--seed", str(seed), "--customers", str(customers)]
    for command in (demo, ["report", "leadership", "--period", PERIOD]):
        subprocess.run([sys.executable, "-m", "analytics", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    claims = json.loads((folder / f"reports/leadership/{PERIOD}/claims.json").read_text(encoding="utf-8"))["claims"]
    return list(claims)


def judge(claims: Claims) -> dict[str, bool | None]:
    """Each planted truth: True told, False denied, None open."""
    judged: dict[str, bool | None] = {
        "appointments by text worked": by_signal(claims, "action:appointment_texts", {"fell"}, {"rose"}),
        "greeting by name moved nothing": by_signal(claims, "action:greeting_by_name", {"no change"}, {"rose", "fell"}),
        "nothing moved in the last month": by_signal(claims, "score:nps", {"no change"}, {"rose", "fell"}),
        "Billing is green inside and red to customers": by_words(claims, "Team Billing: green inside, red"),
        "Equipment is not": by_words(claims, "Team Equipment: red inside", "Team Equipment: green inside, red"),
        "perception does not follow cost": by_words(
            claims, "Satisfied customers: no change is shown", "Satisfied customers: rose", "Satisfied customers: fell"
        ),
        "cases not closed are hardly ever asked": by_words(claims, "Cases not closed are "),
        "the status code that leaks predicts nobody": by_words(claims, "", "account_status_code"),
    }
    kept = evidence(claims, "promise:callback", lambda rows: rows[0])
    judged["callbacks are broken 30 % of the time"] = None if kept is None else bool(kept["low"] <= 0.7 <= kept["high"])
    gestures = evidence(claims, "recovery:gesture_alone", lambda rows: rows)
    judged["gestures without a fix make leaving likelier"] = (
        None if gestures is None else bool(gestures[0]["value"] > gestures[1]["value"])
    )
    return judged


def rank_harms(claims: Claims) -> dict[str, int | None]:
    """The place on page one, from 1, of the finding about each planted harm; None where it is not told there."""
    headline, *first = [claim for claim in claims if claim["page_one"]]
    told = [(claim["key"], claim["sentence"]) for claim in first]
    places = {
        word: [i for i, (key, sentence) in enumerate(told, start=1) if key.startswith(name) and word in sentence]
        for name, word in HARMS.items()
    }
    return {word: min(found, default=None) for word, found in places.items()}


def by_signal(claims: Claims, key: str, told: set[str], denied: set[str]) -> bool | None:
    signals = {claim.get("signal") for claim in claims if claim["key"] == key}
    return False if signals & denied else True if signals & told else None


def by_words(claims: Claims, told: str, *denied: str) -> bool | None:
    sentences = [claim["sentence"] for claim in claims]
    if any(word in sentence for word in denied for sentence in sentences):
        return False
    return True if any(told in sentence for sentence in sentences) else None


def evidence(claims: Claims, key: str, pick: Callable) -> object:
    rows = next((claim["evidence"] for claim in claims if claim["key"] == key and claim["evidence"]), None)
    return None if rows is None else pick(rows)


def main(seeds: int, customers: int) -> None:
    rows, ranks = [], []
    for seed in range(seeds):
        folder = Path(tempfile.mkdtemp())
        claims = publish(seed, customers, folder)
        rows.append(judge(claims))
        ranks.append(rank_harms(claims))
        shutil.rmtree(folder)
        denied = [truth for truth, value in rows[-1].items() if value is False]
        sys.stdout.write(f"seed {seed}: denied {denied or 'nothing'}\n")
        sys.stdout.flush()
    table = pd.DataFrame(rows, dtype=object)
    counts = {"told": table.eq(True), "open": table.isna(), "denied": table.eq(False)}
    sys.stdout.write(pd.DataFrame({name: count.sum() for name, count in counts.items()}).to_string() + "\n")
    sys.stdout.write(f"places on page one, by seed\n{pd.DataFrame(ranks, dtype='Int64').T.to_string()}\n")


if __name__ == "__main__":
    seeds, customers = (*map(int, sys.argv[1:3]), *(20, 8_000)[len(sys.argv[1:3]) :])
    main(seeds, customers)
