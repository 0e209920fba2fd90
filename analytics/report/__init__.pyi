from .answers import show_answers as show_answers
from .explanation import show_explanation as show_explanation
from .exploring import (
    show_asked as show_asked,
    show_by_group as show_by_group,
    show_by_segment as show_by_segment,
    show_data_quality as show_data_quality,
    show_mismatches as show_mismatches,
    show_over_time as show_over_time,
    show_phrases as show_phrases,
    show_sentiment as show_sentiment,
    show_themes as show_themes,
    show_weighted as show_weighted,
)
from .labelling import (
    show_agreement as show_agreement,
    show_labelling as show_labelling,
    show_learning_curve as show_learning_curve,
)
from .last_time import show_last_time as show_last_time
from .leaving import (
    keep_call_list as keep_call_list,
    show_call_list as show_call_list,
    show_fairness as show_fairness,
    show_leaks as show_leaks,
    show_leaving as show_leaving,
    show_listening as show_listening,
    show_risk as show_risk,
    show_said_against_silent as show_said_against_silent,
    show_said_and_silent as show_said_and_silent,
    show_time_to_leaving as show_time_to_leaving,
)
from .operations import (
    build_operations_page_one as build_operations_page_one,
    show_beyond_patience as show_beyond_patience,
    show_data_drift as show_data_drift,
    show_promises_at_risk as show_promises_at_risk,
    show_silent_risk as show_silent_risk,
)
from .page_one import build_page_one as build_page_one
from .perception import show_perception as show_perception
from .problems import show_problems as show_problems
from .promises import show_promises as show_promises, show_views_apart as show_views_apart
from .provenance import show_provenance as show_provenance
from .recovery import show_recovery as show_recovery, show_repeated_gestures as show_repeated_gestures
from .story import Story as Story, load_story as load_story
from .study import Study as Study
from .unknowns import show_unknowns as show_unknowns
