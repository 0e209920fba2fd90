"""How hard properties are tried: `make fuzz` sets PERCEPTION_FUZZ, by which each tries so many times its examples."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

HARDER = int(os.environ.get("PERCEPTION_FUZZ", "1"))


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """Try a property with so many examples, or that many times harder, and have `make fuzz` find it."""
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    setting = settings(max_examples=examples * HARDER, deadline=None, suppress_health_check=slow)
    return lambda test: pytest.mark.fuzz(setting(test))
