"""What the report was made from."""

from analytics.publish import blocks
from analytics.report.story import Story
from analytics.report.words import Section


def show_provenance(story: Story) -> Section:
    """What the report was made from; the runner adds versions and times to manifest.json."""
    line = blocks.finding("Inputs, rows and faults are listed below; versions and times are in manifest.json.")
    return Section([blocks.provenance(story.log.inputs, story.log.rows, story.log.faults)], line)
