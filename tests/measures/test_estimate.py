import numpy as np
import pytest

from analytics.measures.estimate import SAID, SOURCES, Estimate


def test_an_estimate_excludes_what_lies_outside_its_bounds():
    estimate = Estimate(0.5, 0.25, 0.75, 10, "share", SAID)
    assert estimate.excludes(0.8) and estimate.excludes(0.2)
    assert not estimate.excludes(0.25) and not estimate.excludes(0.75)


def test_an_undefined_estimate_excludes_nothing():
    assert not Estimate(np.nan, np.nan, np.nan, 0, "share", SAID).excludes(0.5)


def test_an_estimate_cannot_be_changed():
    with pytest.raises(AttributeError):
        Estimate(0.5, 0.25, 0.75, 10, "share", SAID).value = 1.0


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match=f"Expected one of: {', '.join(SOURCES)}"):
        Estimate(0.5, 0.25, 0.75, 10, "share", "rumour")


def test_swapped_bounds_are_refused():
    with pytest.raises(ValueError, match="bounds are swapped"):
        Estimate(0.5, 0.75, 0.25, 10, "share", SAID)


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="n is -1"):
        Estimate(0.5, 0.25, 0.75, -1, "share", SAID)
