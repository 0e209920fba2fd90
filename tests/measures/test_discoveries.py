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


TESTS, TOLD = 150, 4  # of a report, and of its page one
WORLDS = {
    "six of 2 to 7": lambda rng: rng.uniform(2, 7, 6), "six of 4": lambda rng: np.full(6, 4.0),
    "one of 3.5": lambda rng: np.array([3.5]), "one of 5": lambda rng: np.array([5.0]),
    "forty small": lambda rng: abs(rng.normal(0, 1.5, 40)), "forty of 2": lambda rng: np.full(40, 2.0),
}  # fmt: skip


def told_over_true(effects, draws=150):
    """How much too large the surest findings of many reports are, as measured and as told; false ones count as well."""
    rng, rows = np.random.default_rng(5), []
    for _ in range(draws):
        true = np.zeros(TESTS)
        true[: len(some)] = (some := effects(rng))
        z = true + rng.normal(size=TESTS)
        p = 2 * norm.sf(abs(z))
        told = np.argsort(-abs(z))[: min(TOLD, int(control_false_discoveries(p).sum()))]
        rows += zip(true[told] * np.sign(z[told]), abs(z[told]), abs(shrink(z[told], p[told], p)), strict=True)
    true, measured, likely = np.array(rows).sum(axis=0)
    return measured / true, likely / true


def test_what_is_told_because_it_stands_is_not_told_larger_than_it_is_whether_many_are_small_or_few_are_large():
    measured, told = zip(*(told_over_true(effects) for effects in WORLDS.values()), strict=True)
    assert 0.9 <= np.mean(told) <= 1.1
    assert all(0.85 <= ratio <= 1.25 for ratio in told)
    assert max(measured) > 1.8 and np.mean(measured) > 1.3


def test_the_same_size_is_told_smaller_where_it_is_the_largest_of_many_without_effect():
    quiet, loud = np.linspace(0.01, 1, 150), np.geomspace(1e-9, 1, 150)
    alone, among = (shrink(10.0, 3e-4, np.append(family, 3e-4)) for family in (quiet, loud))
    assert 0 < alone < among <= 10


def test_what_is_missing_or_far_beyond_chance_is_told_as_it_is_and_nothing_turns_round_or_grows():
    family = np.linspace(0.001, 1, 99)
    assert shrink([3.0, np.nan, -5.0], [1.0, np.nan, 0.0], family).tolist()[::2] == [3.0, -5.0]
    sizes = shrink(np.full(99, -2.0), family, family)
    assert ((sizes <= 0) & (sizes >= -2)).all() and (np.diff(sizes[:60]) >= 0).all()
