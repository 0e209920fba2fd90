import numpy as np
import pytest
from scipy.stats import norm

from analytics.measures.discoveries import control_false_discoveries, shrink


def test_benjamini_and_hochberg_s_own_example():
    # Benjamini & Hochberg (1995), section 3.2: fifteen tests of thrombolysis, four stand at 5 %
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    p += [0.6528, 0.7590, 1.0]
    assert control_false_discoveries(p).sum() == 4
    assert control_false_discoveries(p[::-1]).to_list() == [False] * 11 + [True] * 4


def test_comparisons_that_could_not_be_made_do_not_count():
    stands = control_false_discoveries({"a": 0.04, "b": None, "c": None})
    assert stands.to_dict() == {"a": True, "b": False, "c": False}
    assert control_false_discoveries([]).empty
    assert not control_false_discoveries([None, None]).any()


def test_p_values_outside_their_range_are_refused():
    with pytest.raises(ValueError, match=r"between 0 and 1; found \[1.2\]"):
        control_false_discoveries([0.1, 1.2])


@pytest.mark.parametrize("threshold", [0.005, 0.0005])
@pytest.mark.parametrize("true", [2.0, 3.0, 4.0, 6.0, 8.0])
def test_what_is_told_because_it_stands_is_not_told_larger_than_it_is(true, threshold):
    """Over all samples in which the test stands, by the normal density; unshrunk, the smallest are doubled."""
    z = np.linspace(norm.isf(threshold / 2), 20, 20_000)
    weights = norm.pdf(z - true) / norm.pdf(z - true).sum()
    told = weights @ shrink(z, 2 * norm.sf(z), threshold)
    assert 0.85 * true < told < 1.2 * true
    if true == 2:
        assert weights @ z > 1.6 * true


def test_what_does_not_stand_or_is_missing_is_told_as_it_is():
    assert shrink([3.0, np.nan, -5.0], [0.5, np.nan, 0.0], 0.005).tolist()[::2] == [3.0, -5.0]
