"""Real texts that people read: the labels that are kept here, joined to the texts of the data sets."""

from pathlib import Path

import pandas as pd

from analytics.training.places import DATASETS, LINES

MAY_TRAIN = ("amazon", "cfpb", "nhs", "uci")  # sets whose licence allows a shipped model to learn from them
BRANDS = {"csat": ["Shopzilla"]}  # names of the organisation whose customers write
FILES = {  # set: file, and column of the text; a row's number counts from 0
    "amazon": ("vader-ground-truth/amazon.csv", "text"),
    "bank-app": ("bank-app-reviews/reviews.csv", "review"),
    "cfpb": ("cfpb/complaints_2019_2020.csv", "Consumer complaint narrative"),
    "csat": ("csat-ecommerce/csat_2023-08-01_to_23.csv", "Customer Remarks"),
    "ijcnlp": ("ijcnlp-feedback/en.csv", "text"),
    "nhs": ("nhs-feedback/phase1_trusts.csv", "feedback"),
    "uci": ("uci-sentences/sentences.csv", "text"),
}


def load_labels(datasets: Path = DATASETS) -> pd.DataFrame:
    """All readings, ours and those beside the data sets; `drawn` says from what a text was drawn at random.

    Texts read for leaving alone ("leaving candidate") have no other label: these are missing.
    """
    ours, alone = (
        pd.read_csv(LINES / name, dtype=str, na_filter=False) for name in ("readings.csv", "readings_leaving.csv")
    )
    theirs = pd.read_csv(datasets / "readings/readings.csv", dtype=str, na_filter=False).assign(drawn="critical")
    readings = pd.concat([ours, theirs, alone.assign(drawn="leaving candidate")], ignore_index=True)
    return readings.astype({"row_id": int})


def load_readings(datasets: Path = DATASETS) -> pd.DataFrame:
    """As `load_labels`, each with the `text` of its row."""
    readings = load_labels(datasets)
    columns = {name: pd.read_csv(datasets / file)[column] for name, (file, column) in FILES.items()}
    pairs = zip(readings["set"], readings["row_id"], strict=True)
    return readings.assign(text=[str(columns[name].iloc[row]) for name, row in pairs])
