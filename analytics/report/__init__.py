"""The story and its words: one file per heading of the report; English sentences are written here and nowhere else."""

from importlib import import_module

_HOME = {
    "answers": "show_answers",
    "explanation": "show_explanation",
    "exploring": (
        "show_asked show_by_group show_by_segment show_data_quality show_mismatches show_over_time "
        "show_phrases show_sentiment show_themes show_weighted"
    ),
    "labelling": "show_agreement show_labelling show_learning_curve",
    "last_time": "show_last_time",
    "leaving": (
        "show_call_list show_fairness show_leaks show_leaving show_listening show_risk "
        "show_said_against_silent show_said_and_silent show_time_to_leaving keep_call_list"
    ),
    "operations": (
        "build_operations_page_one show_beyond_patience show_data_drift show_promises_at_risk show_silent_risk"
    ),
    "page_one": "build_page_one",
    "perception": "show_perception",
    "problems": "show_problems",
    "promises": "show_promises show_views_apart",
    "provenance": "show_provenance",
    "recovery": "show_recovery show_repeated_gestures",
    "story": "Story load_story",
    "study": "Study",
    "unknowns": "show_unknowns",
}  # names by module
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a name from its module on first use, so that a report imports only what it shows."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'analytics.report' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    return getattr(import_module(f"analytics.report.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
