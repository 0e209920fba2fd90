from .config import Config as Config, ConfigError as ConfigError, load_config as load_config
from .contrast.diagnosis import Problem as Problem, diagnose as diagnose
from .contrast.drivers import rank_drivers as rank_drivers
from .contrast.signals import detect_signals as detect_signals
from .contrast.watermelon import find_watermelons as find_watermelons
from .measures.estimate import Estimate as Estimate
from .measures.invitations import audit_invitations as audit_invitations
from .measures.leaving.churn import ChurnRiskModel as ChurnRiskModel, leakage_report as leakage_report
from .measures.leaving.leavers import estimate_silent_leavers as estimate_silent_leavers
from .measures.promises import score_promises as score_promises
from .measures.recovery import score_recovery as score_recovery
from .measures.response import bound_score as bound_score, weight_responses as weight_responses
from .measures.scores import (
    customer_effort as customer_effort,
    net_promoter_score as net_promoter_score,
    net_sentiment as net_sentiment,
    top_box_share as top_box_share,
)
from .measures.shares import corrected_share as corrected_share
from .measures.summarise import summarise as summarise
from .publish.claims import check_claims as check_claims
from .publish.run import build_report as build_report
from .tables.cases import build_cases as build_cases
from .tables.demo.simulate import Truth as Truth, simulate as simulate
from .tables.read import read_tables as read_tables
from .tables.schema import DataContractError as DataContractError, NotMeasured as NotMeasured, Tables as Tables
from .text.churn_intent import load_churn_intent_model as load_churn_intent_model
from .text.learning_curve import measure_learning_curve as measure_learning_curve
from .text.readings import (
    agreed_labels as agreed_labels,
    measure_agreement as measure_agreement,
    open_session as open_session,
)
from .text.redact import redact as redact
from .text.scored import score_texts as score_texts
from .text.sentiment import SentimentClassifier as SentimentClassifier, load_sentiment_model as load_sentiment_model
from .text.themes import tag_themes as tag_themes

__version__: str
