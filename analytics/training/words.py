"""The command that writes the frequent words of seven languages: ``python -m analytics.training.words``.

Needs pyspellchecker, whose dictionaries count the words of film subtitles (OpenSubtitles, Lison & Tiedemann 2016).
"""

import gzip
import json
from importlib.resources import files
from pathlib import Path

import analytics.text

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


if __name__ == "__main__":
    main()
