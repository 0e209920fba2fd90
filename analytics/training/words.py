"""The command that writes frequent words of seven languages and their spelling: ``python -m analytics.training.words``.

Needs pyspellchecker, whose dictionaries count the words of film subtitles (OpenSubtitles, Lison & Tiedemann 2016).
"""

import gzip
import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np

import analytics.text
from analytics.text.clean import CUSTOMERS, SPELLINGS, log_ranks, sequences_of
from analytics.text.linear import write_arrays

LANGUAGES = ("en", "de", "fr", "es", "nl", "pt", "it")
MOST = 20_000  # words of a language; rarer ones say little and take room


def main() -> None:
    """Write ``data/frequent_words.txt``: a line a language, its words by falling frequency, without apostrophes."""
    lines = []
    for language in LANGUAGES:
        packed = files("spellchecker").joinpath(f"resources/{language}.json.gz").read_bytes()
        counts: dict[str, int] = json.loads(gzip.decompress(packed))
        rarest = min(counts.values())  # what the dictionary gives to words that its texts do not hold
        ordered = sorted((w for w in counts if counts[w] > rarest), key=lambda word: (-counts[word], word))
        plain = [word.replace("'", "") for word in ordered]
        words = list(dict.fromkeys(word for word in plain if word.isalpha()))
        lines.append(f"{language}: {' '.join(words[:MOST])}")
    target = Path(analytics.text.__file__).with_name("data") / "frequent_words.txt"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_arrays(SPELLINGS, count_sequences())


def count_sequences() -> dict[str, np.ndarray | list[str]]:
    """How often each sequence of letters occurs in the frequent words of each language, English first."""
    frequent = [ranks for ranks in log_ranks().values() if len(ranks) > CUSTOMERS]
    counted = [Counter(sequence for word in ranks for sequence in sequences_of(word)) for ranks in frequent]
    sequences = sorted(set().union(*counted))
    counts = [[count[sequence] for count in counted] for sequence in sequences]
    return {"sequences": sequences, "counts": np.array(counts, dtype="uint16")}


if __name__ == "__main__":
    main()
