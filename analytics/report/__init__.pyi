from .actions import show_actions as show_actions
from .answers import show_answers as show_answers
from .explanation import show_explanation as show_explanation
from .explorer import explore as explore
from .exploring import (
    show_asked as show_asked,
)
from .exploring import (
    show_by_group as show_by_group,
)
from .exploring import (
    show_clocks as show_clocks,
)
from .exploring import (
    show_data_quality as show_data_quality,
)
from .exploring import (
    show_drivers as show_drivers,
)
from .exploring import (
    show_mismatches as show_mismatches,
)
from .exploring import (
    show_over_time as show_over_time,
)
from .exploring import (
    show_own_words as show_own_words,
)
from .exploring import (
    show_phrases as show_phrases,
)
from .exploring import (
    show_shares as show_shares,
)
from .exploring import (
    show_weighted as show_weighted,
)
from .labelling import (
    show_agreement as show_agreement,
)
from .labelling import (
    show_labelling as show_labelling,
)
from .last_time import show_last_time as show_last_time
from .leaving import (
    keep_call_list as keep_call_list,
)
from .leaving import (
    show_call_list as show_call_list,
)
from .leaving import (
    show_fairness as show_fairness,
)
from .leaving import (
    show_leaks as show_leaks,
)
from .leaving import (
    show_leaving as show_leaving,
)
from .leaving import (
    show_leaving_after as show_leaving_after,
)
from .leaving import (
    show_listening as show_listening,
)
from .leaving import (
    show_risk as show_risk,
)
from .leaving import (
    show_said_against_silent as show_said_against_silent,
)
from .new_themes import show_new_themes as show_new_themes
from .operations import (
    brief as brief,
)
from .operations import (
    build_operations_page_one as build_operations_page_one,
)
from .operations import (
    show_beyond_patience as show_beyond_patience,
)
from .operations import (
    show_data_drift as show_data_drift,
)
from .operations import (
    show_promises_at_risk as show_promises_at_risk,
)
from .operations import (
    show_silent_risk as show_silent_risk,
)
from .page_one import build_page_one as build_page_one
from .perception import show_perception as show_perception
from .problems import show_problems as show_problems
from .promises import show_promises as show_promises
from .promises import show_views_apart as show_views_apart
from .provenance import show_provenance as show_provenance
from .recovery import show_aftermath as show_aftermath
from .recovery import show_recovery as show_recovery
from .side_by_side import compare as compare
from .side_by_side import side_of as side_of
from .story import Story as Story
from .story import load_story as load_story
from .unknowns import show_unknowns as show_unknowns
from .where import select as select
