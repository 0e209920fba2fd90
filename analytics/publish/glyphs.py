"""Which characters the report's faces have, and what stands in for the others."""

import re
import unicodedata
from functools import cache
from pathlib import Path

from analytics.publish.format import visible

FONTS = Path(__file__).parent / "fonts"  # Fira Sans: text and charts
LONG_WORD, BREAK_EVERY = 25, 12  # characters: a longer word gets invisible places to break, or it leaves the page
_SHAPELESS = "\ufe0e\ufe0f\u200d\u00ad\u200b"  # joiners, variants and break points: left out where no font has them


def clean_text(text: str) -> str:
    r"""Text in characters that the fonts have, on one line, with places to break in long words.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        An emoji outside the fonts becomes its name in brackets, any other character U+FFFD.

    Examples
    --------
    >>> clean_text("so\n late \N{PILE OF POO} 漢")
    'so late [pile of poo] �'
    """
    line = " ".join(covered(visible(text)).split())
    return re.sub(rf"[^\s\u200b]{{{LONG_WORD + 1},}}", _breakable, line)


def covered(text: str) -> str:
    """Text with each character that no font of the report has replaced by its name (emoji) or U+FFFD.

    Parameters
    ----------
    text
        Any text; white space is kept.

    Returns
    -------
    str
        Characters the compiler can draw.
    """
    known = _coverage()
    return "".join(c if c in known or c in "\n\t" else _stand_in(c) for c in text)


def _stand_in(char: str) -> str:
    if char in _SHAPELESS:
        return ""
    name = unicodedata.name(char, "")
    return f"[{name.lower()}]" if name and unicodedata.category(char) == "So" else "\ufffd"


def _breakable(word: re.Match[str]) -> str:
    whole = word.group()
    return "\u200b".join(whole[i : i + BREAK_EVERY] for i in range(0, len(whole), BREAK_EVERY))


def fallback_folder() -> Path:
    """Folder of DejaVu Sans, which Matplotlib carries: symbols, Arabic, Hebrew and other scripts."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def _coverage() -> frozenset[str]:
    """Characters that both weights of the text face, or of the fallback face, have."""
    from matplotlib.ft2font import FT2Font

    def common(paths: list[Path]) -> set[int]:
        return set.intersection(*(set(FT2Font(path).get_charmap()) for path in paths))

    fallback = [fallback_folder() / f"DejaVuSans{cut}.ttf" for cut in ("", "-Bold")]
    return frozenset(map(chr, common(sorted(FONTS.glob("*.ttf"))) | common(fallback)))
