from .config import Config as Config
from .config import ConfigError as ConfigError
from .config import load_config as load_config
from .contrast.diagnosis import Problem as Problem
from .contrast.diagnosis import diagnose as diagnose
from .contrast.drivers import rank_drivers as rank_drivers
from .contrast.signals import detect_signals as detect_signals
from .contrast.watermelon import find_watermelons as find_watermelons
from .measures.actions import score_actions as score_actions
from .measures.estimate import Estimate as Estimate
from .measures.invitations import audit_invitations as audit_invitations
from .measures.leaving.churn import ChurnRiskModel as ChurnRiskModel
from .measures.leaving.churn import leakage_report as leakage_report
from .measures.leaving.leavers import estimate_silent_leavers as estimate_silent_leavers
from .measures.promises import score_promises as score_promises
from .measures.read_shares import share_with_readings as share_with_readings
from .measures.recovery import score_recovery as score_recovery
from .measures.response import bound_score as bound_score
from .measures.response import weight_responses as weight_responses
from .measures.scores import (
    customer_effort as customer_effort,
)
from .measures.scores import (
    net_promoter_score as net_promoter_score,
)
from .measures.scores import (
    net_sentiment as net_sentiment,
)
from .measures.scores import (
    top_box_share as top_box_share,
)
from .measures.shares import corrected_share as corrected_share
from .measures.summarise import summarise as summarise
from .publish.claims import check_claims as check_claims
from .publish.run import build_report as build_report
from .tables.cases import build_cases as build_cases
from .tables.demo.simulate import Truth as Truth
from .tables.demo.simulate import simulate as simulate
from .tables.read import read_tables as read_tables
from .tables.schema import DataContractError as DataContractError
from .tables.schema import NotMeasured as NotMeasured
from .tables.schema import Tables as Tables
from .text.agreement import measure_agreement as measure_agreement
from .text.churn_intent import load_churn_intent_model as load_churn_intent_model
from .text.new_themes import find_new_themes as find_new_themes
from .text.readings import open_session as open_session
from .text.redact import redact as redact
from .text.scored import score_texts as score_texts
from .text.sentiment import SentimentClassifier as SentimentClassifier
from .text.sentiment import load_sentiment_model as load_sentiment_model
from .text.themes import tag_themes as tag_themes

__version__: str
