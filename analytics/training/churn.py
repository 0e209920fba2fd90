"""Training of the shipped model of churn intent."""

from pathlib import Path

import pandas as pd

from analytics.text.churn_intent import CONDITIONAL, MODELS, REMARK_WEIGHTS, ChurnIntentModel
from analytics.training.places import LINES, REMARKS


def training_lines() -> pd.DataFrame:
    """Read the hand-written lines, `share` being how far each says that the brand is left.

    Those of ``churn_intent.csv`` name a brand and turn on it; those of ``remarks.csv`` are as customers write,
    name none and count less (`REMARK_WEIGHTS`), as there are many and few of them leave.
    """
    lines = pd.read_csv(LINES / "churn_intent.csv", keep_default_na=False)
    threat = (lines["case"] == "conditional_threat") & (lines["churn"] == 1)
    lines = lines.assign(share=lines["churn"].where(~threat, CONDITIONAL).astype(float), weight=1.0)
    remarks = pd.read_csv(REMARKS, keep_default_na=False)
    remarks = remarks.assign(share=remarks["leaving"].astype(float), weight=remarks["leaving"].map(REMARK_WEIGHTS))
    remarks = remarks.assign(brand="", case="remark", churn=remarks["leaving"])
    return pd.concat([lines, remarks[["text", "brand", "churn", "case", "share", "weight"]]], ignore_index=True)


def train_churn_intent(folder: Path = MODELS) -> ChurnIntentModel:
    """Fit the shipped model on the hand-written lines and write it; its errors are those on remarks."""
    lines = training_lines()
    brands = [[brand] for brand in lines["brand"]]
    weights, remark = lines["weight"].to_numpy(), (lines["case"] == "remark").to_numpy()
    model = ChurnIntentModel().fit(lines["text"], brands, lines["share"], weights, remark)
    model.save(folder)
    return model
