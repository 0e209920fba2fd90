"""What sections will ask for, begun before they do: on two cores a report takes little more than half the time."""

from contextlib import suppress
from functools import partial

from analytics.report import facts, tested
from analytics.report.beside import begin
from analytics.report.story import Story
from analytics.report.texts import NEW_THEMES
from analytics.tables.schema import NotMeasured


def prepare(story: Story) -> Story:
    """Read and score every text and build the cases (`Story.prepare`), and begin the facts that take longest.

    They are made in processes of their own where there is a second core, and are the same as without this.

    Returns
    -------
    Story
        The same one.
    """
    with suppress(NotMeasured):
        _ = story.cases, story.answers  # what both need
    without_texts = (facts.asked, facts.categories, tested.movements, tested.groupings, tested.drift,
                     tested.watermelons, tested.bands, tested.silent_leavers)  # fmt: skip
    begin(story.facts, {make.__name__: partial(make, story) for make in without_texts})
    story.prepare()
    leaving = (tested.leaving_study, tested.leaving_ratios, tested.actions, tested.recovery)
    makes = {make.__name__: partial(make, story) for make in leaving}
    begin(story.facts, makes | {NEW_THEMES: lambda: story.new_themes})
    return story
