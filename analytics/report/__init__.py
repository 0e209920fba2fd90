"""The story and its words: one file per heading of the report; English sentences are written here and nowhere else."""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # names and their homes stand in __init__.pyi


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use, so that a light notebook starts fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}.")
    return _load(name)
