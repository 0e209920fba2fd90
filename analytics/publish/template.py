"""Text from template files: schedules, letters and the HTML copy; the words around values stay out of the code."""

import json
from pathlib import Path


def render(file: Path, /, **values: object) -> str:
    """Fill a Jinja template in; every value is escaped where its name says HTML, and a missing one is an error.

    Variables stand in ``[[ ]]`` and statements in ``[% %]``, as schedules use braces themselves; ``quote`` writes a
    string as JSON, YAML and Python alike read it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(file.parent), autoescape=".html" in file.suffixes, undefined=StrictUndefined,
        keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True,
        variable_start_string="[[", variable_end_string="]]", block_start_string="[%", block_end_string="%]",
        comment_start_string="[#", comment_end_string="#]",
    )  # fmt: skip
    environment.filters["quote"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment.get_template(file.name).render(values)
