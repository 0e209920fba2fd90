"""A sentiment model of the organisation's own, set in place of the shipped one: every answer of it is checked."""

import hashlib
import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.text.endpoint import EndpointModel
from analytics.text.linear import CLASSES
from analytics.text_settings import TextSettings

FEWEST_READINGS = 200  # random ones, before a model of the organisation's own speaks
OFF = 0.01  # by which three probabilities may miss 1


@dataclass(frozen=True)
class OwnModel:
    """A model that reads sentiment beside a shipped one that goes on to read the themes.

    Parameters
    ----------
    model
        Has ``predict_proba(texts)`` and ``classes_``: 'negative', 'neutral', 'positive' in any order.
    name
        Of its exact state.
    beside
        The shipped `Model` whose theme heads are used.

    Raises
    ------
    ValueError
        If it lacks the one or the other, or has other classes.
    """

    model: Any
    name: str
    beside: Any = None

    def __post_init__(self) -> None:
        classes = [str(name) for name in getattr(self.model, "classes_", ())]
        if sorted(classes) != sorted(CLASSES) or not callable(getattr(self.model, "predict_proba", None)):
            raise ValueError(
                f"[text] model {self.name}: expected a fitted classifier with predict_proba and classes_ "
                f"{', '.join(CLASSES)}. Found the classes {classes}."
            )

    @property
    def identity(self) -> str:
        """Under what its answers are kept, whichever model is beside it."""
        return f"own-{self.name}"

    @property
    def version(self) -> str:
        """Names of the shipped model beside it and of its own state."""
        return f"{self.beside.version.split('-')[0]}+{self.identity}"

    @property
    def classes_(self) -> np.ndarray:
        """'negative', 'neutral', 'positive', in this order."""
        return np.array(CLASSES)

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Probabilities of the three classes, shape (n, 3); ValueError where an answer of the model is none."""
        texts = list(texts)
        rows = np.asarray(self.model.predict_proba(texts), dtype=float)
        if rows.shape != (len(texts), len(CLASSES)):
            raise ValueError(f"[text] model {self.name}: {len(texts)} texts got an answer of shape {rows.shape}.")
        if not np.isfinite(rows).all() or (rows < 0).any() or (abs(rows.sum(axis=1) - 1) > OFF).any():
            raise ValueError(f"[text] model {self.name}: its probabilities are not finite, or do not add up to 1.")
        order = [list(map(str, self.model.classes_)).index(name) for name in CLASSES]
        return np.asarray(rows[:, order] / rows.sum(axis=1, keepdims=True))


def load_own_model(settings: TextSettings, names: Sequence[str] = (), patterns: Sequence[str] = ()) -> OwnModel:
    """The organisation's own model: a classifier by 'package.module:name', or an endpoint.

    Importing the module runs it: it is code that the organisation trusts. A class or function of that name is called
    without arguments; what it returns, or the object itself, is the fitted classifier.

    Parameters
    ----------
    settings
        Which model.
    names, patterns
        What `redact` takes out of texts, with all else, before they go to an endpoint.

    Raises
    ------
    ValueError
        If there is no such module or name, or it is no classifier of the three classes.
    """
    if settings.endpoint is not None:
        model = EndpointModel(settings.endpoint, tuple(names), tuple(patterns))
        return OwnModel(model, model.version)
    module, name = settings.model.split(":")
    try:
        named = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"[text] model {settings.model}: {error}. Install the package that holds it.") from error
    model = named if hasattr(named, "predict_proba") and not isinstance(named, type) else named()
    state = getattr(model, "version", None) or hashlib.blake2b(_state(model).encode(), digest_size=8).hexdigest()
    return OwnModel(model, f"{settings.model}-{state}")


def _state(value: object) -> str:
    """What a fitted object holds, in words that differ where it does."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tolist()}"
    if isinstance(value, Mapping):
        return str(sorted((str(key), _state(each)) for key, each in value.items()))
    if isinstance(value, list | tuple):
        return str([_state(each) for each in value])
    named = getattr(value, "__qualname__", None)  # of a class or function
    return named or (f"{type(value).__qualname__} {_state(vars(value))}" if hasattr(value, "__dict__") else repr(value))
