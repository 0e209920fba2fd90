"""What training writes and the package reads: heads' versions, cards, and which models a count belongs to."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from analytics.text.fast import LinearModel
from analytics.text.linear import MODELS, write_arrays

_SHARED = ("fast.npz", "themes.npz", "themes.json", "churn_intent.npz")
_ENCODED = ("encoder.onnx", "accurate_head.npz")


def digest(arrays: Mapping[str, np.ndarray], length: int = 12) -> str:
    """First hexadecimal digits of the SHA-256 of a head's numbers: changes whenever a probability may."""
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()[:length]


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write what was measured at training as JSON."""
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def save_fast(model: LinearModel, folder: Path = MODELS) -> None:
    """Write ``fast.npz`` (weights) and ``fast.json`` (card): no pickle in either."""
    arrays = {"pairs": model.vectoriser.pairs, "coefficients": model.coefficients.astype(np.float16)}
    arrays |= {"intercepts": model.intercepts, "calibration": model.calibration}
    write_arrays(folder / "fast.npz", arrays | {"words": model.vectoriser.words})
    write_card(folder / "fast.json", model.card)


def models_version(model: Literal["accurate", "fast"]) -> str:
    """Checksum of the files of all models that read with this one."""
    files = (*_SHARED, *(_ENCODED if model == "accurate" else ()))
    return hashlib.blake2b(b"".join((MODELS / name).read_bytes() for name in files), digest_size=8).hexdigest()
