"""All customer texts of some tables, collected, scored and redacted in one step, as a story does it by and by."""

import pandas as pd

from analytics.tables.schema import Tables
from analytics.text.comments import collect_comments, redact_comments, score_comments


def read_comments(tables: Tables, **options: object) -> pd.DataFrame:
    """Columns of `collect_comments`, text redacted, and of `score_comments`; options are those of `score_texts`."""
    comments = collect_comments(tables)
    scores = score_comments(comments, tables, **options)
    return comments.assign(text=redact_comments(comments, tables)).join(scores)
