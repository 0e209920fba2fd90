"""What surveys may ask: each score on the scale on which it was asked."""

import pandas as pd

from analytics.report.score import SCORES


def test_ease_asked_from_1_to_5_is_measured_and_named_on_that_scale():
    asked = SCORES["ces"].on((1.0, 5.0))
    answers = pd.Series([5.0] * 30 + [3.0] * 30)
    estimate = asked.measure(answers)
    assert estimate.value == 4.0
    assert estimate.high <= 5
    assert (asked.ends, asked.middle, asked.unhappy, asked.top) == ((1.0, 5.0), 3.0, 2.0, 5.0)
    assert "of 5" in asked.name
    assert "1 to 5" in asked.meaning
    assert "1 to 5" in asked.subject


def test_the_bounds_of_every_score_lie_within_its_scale():
    for score in SCORES.values():
        low, high = score.ends
        assert low < score.unhappy < score.top <= high
