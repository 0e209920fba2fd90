"""What we do not know: everything that the sections leave open, each with what would settle it."""

from analytics.publish import blocks
from analytics.report.story import Story
from analytics.report.words import Section, coverage_sentence, loss_sentences


def show_unknowns(story: Story, *sections: Section) -> Section:
    """Everything that the sections leave open, each with what would settle it; the first that page one does not say."""
    open_ends = list({b.data["sentence"]: b for section in sections for b in section.unknowns}.values())
    partly = coverage_sentence(story.coverage, story.period.label)
    cautions = [*filter(None, [partly]), *loss_sentences(story.log.losses), *story.log.warnings]
    open_ends += [blocks.unknown(caution) for caution in cautions]
    if not open_ends:
        line = blocks.finding("Every question of this report has an answer within its intervals.")
        return Section([line], line)
    answered = {block.data["sentence"] for section in sections for block in section.answers}
    first, *further = [b for b in open_ends if b.data["sentence"] not in answered][:2] or open_ends[:1]
    return Section(open_ends, first, further=further)
