"""Customer-perception analytics: the public names, imported when first used."""

from importlib import import_module

_HOME = {
    "config": ["Config", "ConfigError", "load_config"],
    "tables.schema": ["DataContractError", "NotMeasured", "Tables"],
    "tables.read": ["read_tables"],
    "tables.demo.simulate": ["Truth", "simulate"],
    "tables.cases": ["build_cases"],
    "text.sentiment": ["SentimentClassifier", "load_sentiment_model"],
    "text.churn_intent": ["load_churn_intent_model"],
    "text.themes": ["tag_themes"],
    "text.learning_curve": ["measure_learning_curve"],
    "text.readings": ["agreed_labels", "measure_agreement", "open_session"],
    "text.redact": ["redact"],
    "text.scored": ["score_texts"],
    "measures.estimate": ["Estimate"],
    "measures.scores": ["customer_effort", "net_promoter_score", "net_sentiment", "top_box_share"],
    "measures.shares": ["corrected_share"],
    "measures.summarise": ["summarise"],
    "measures.invitations": ["audit_invitations"],
    "measures.response": ["bound_score", "weight_responses"],
    "measures.leaving.leavers": ["estimate_silent_leavers"],
    "measures.leaving.churn": ["ChurnRiskModel", "leakage_report"],
    "measures.promises": ["score_promises"],
    "measures.recovery": ["score_recovery"],
    "contrast.signals": ["detect_signals"],
    "contrast.drivers": ["rank_drivers"],
    "contrast.watermelon": ["find_watermelons"],
    "contrast.diagnosis": ["diagnose"],
    "publish.claims": ["check_claims"],
    "publish.run": ["build_report"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use, so that a light notebook starts fast."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'analytics' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    return getattr(import_module(f"analytics.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
