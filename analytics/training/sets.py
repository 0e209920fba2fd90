"""The sets that may train the sentiment models: read, graded, and cleaned of what their labels do not mean."""

import hashlib
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd

from analytics.text.linear import CLASSES, PROBABILITIES
from analytics.training.places import DATASETS, PHRASES, REMARKS

# Intents of banking77 that ask and do not complain: "card_arrival" and its like hold many people still waiting.
QUESTION_INTENTS = (
    "age_limit apple_pay_or_google_pay atm_support automatic_top_up card_about_to_expire card_acceptance "
    "card_delivery_estimate card_linking change_pin country_support disposable_card_limits edit_personal_details "
    "exchange_charge exchange_rate exchange_via_app fiat_currency_support get_disposable_virtual_card "
    "get_physical_card getting_spare_card getting_virtual_card order_physical_card receiving_money "
    "supported_cards_and_currencies top_up_by_bank_transfer_charge top_up_by_card_charge "
    "top_up_by_cash_or_cheque top_up_limits topping_up_by_card transfer_into_account verify_my_identity "
    "verify_source_of_funds verify_top_up visa_or_mastercard why_verify_identity"
).split()
# Rows kept of the sets furthest from customer language, so that films and news do not outweigh it.
KEPT_ROWS = {"movie": 3000, "nyt": 1200, "banking77": 1500, "cfpb": 800}


def grade(mean: pd.Series) -> np.ndarray:
    """Class probabilities of a graded rating on a scale from about -4 to 4.

    An ordinal probit with cuts at -0.5 and 0.5 and a rater's standard deviation of 0.6.

    Parameters
    ----------
    mean
        Mean rating of a text, no missing values.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), in the order negative, neutral, positive.

    Examples
    --------
    >>> grade(pd.Series([-2.0, 0.0, 1.0])).round(2).tolist()
    [[0.99, 0.01, 0.0], [0.2, 0.6, 0.2], [0.01, 0.2, 0.8]]
    """
    from scipy.stats import norm

    negative, positive = norm.cdf((-0.5 - mean) / 0.6), norm.cdf((mean - 0.5) / 0.6)
    return np.column_stack([negative, 1 - negative - positive, positive])


def load_training_sets(datasets: Path = DATASETS) -> pd.DataFrame:
    """Read every set that may train, cleaned of what its labels do not mean, one row per distinct text.

    Left out on purpose: NHS comments of criticality 0 (in one trust the scale was not applied: 2,435 texts, most of
    them praise), its bare "Nothing" answers (praise only to the question asked), and the rows in another alphabet.

    Parameters
    ----------
    datasets
        Folder that holds ``nhs-feedback``, ``vader-ground-truth``, ``uci-sentences``, ``banking77`` and ``cfpb``.

    Returns
    -------
    pandas.DataFrame
        ``text``, ``source``, ``topic`` (may be empty), ``p_negative``, ``p_neutral``, ``p_positive``, ``label``, and
        ``held_out``: about a tenth of the texts, chosen by hash, on which nothing but calibration may be fitted.

    Raises
    ------
    ValueError
        If a set is not in the folder.
    """
    parts = [_nhs(datasets), *_vader(datasets), _uci(datasets), _banking(datasets), _cfpb(datasets)]
    parts += [_written(PHRASES, "phrases"), _written([REMARKS], "remarks")]
    frame = pd.concat(parts, ignore_index=True)
    frame["text"] = frame["text"].str.replace(r"\s+", " ", regex=True).str.strip()
    key = _words_of(frame["text"])
    foreign = frame["text"].str.contains(r"[\u0100-\u024f\u0370-\u1eff]")
    frame = frame[(key.str.len() > 1) & ~foreign & ~key.duplicated()]
    frame["label"] = np.asarray(CLASSES)[frame[PROBABILITIES].to_numpy().argmax(axis=1)]
    frame["held_out"] = held_out(frame["text"]) & (frame["source"] != "phrases")
    return frame.reset_index(drop=True)


def held_out(texts: pd.Series) -> pd.Series:
    """Which texts no training may see but for calibration: about a tenth, by a hash of their words."""
    return _words_of(texts).map(lambda words: hashlib.sha256(words.encode()).digest()[0] < 26)


def _words_of(texts: pd.Series) -> pd.Series:
    words = texts.str.lower().str.replace(r"\W+", " ", regex=True).str.strip()
    return words.where(words != "", texts)  # a face has no words


def _read(datasets: Path, name: str) -> pd.DataFrame:
    path = Path(datasets) / name
    if not path.is_file():
        raise ValueError(
            f"training set {path} is missing. Name the folder of the data sets with --datasets FOLDER, or place it at"
            " ../shared/datasets beside the repository."
        )
    return pd.read_csv(path)


def _rows(text: pd.Series, source: str, probabilities: np.ndarray, topic: pd.Series | str = "") -> pd.DataFrame:
    frame = pd.DataFrame({"text": text.astype(str), "source": source, "topic": topic})
    frame[PROBABILITIES] = probabilities
    kept = KEPT_ROWS.get(source, len(frame))
    return frame.sample(kept, random_state=0) if kept < len(frame) else frame


def _nhs(datasets: Path) -> pd.DataFrame:
    data = _read(datasets, "nhs-feedback/phase1_trusts.csv").dropna(subset=["feedback", "criticality"])
    bare = (data["label"] == "Couldn't be improved") & (data["feedback"].str.count(r"\w+") < 4)
    data = data[(data["criticality"] != 0) & ~bare]
    return _rows(data["feedback"], "nhs", grade(data["criticality"]), "nhs " + data["subcategory"].fillna(""))


def _vader(datasets: Path) -> list[pd.DataFrame]:
    sets = {name: _read(datasets, f"vader-ground-truth/{name}.csv") for name in ("tweets", "amazon", "nyt", "movie")}
    return [_rows(data["text"].map(unescape), name, grade(data["mean_sentiment"])) for name, data in sets.items()]


def _uci(datasets: Path) -> pd.DataFrame:
    data = _read(datasets, "uci-sentences/sentences.csv")
    return _rows(data["text"], "uci", np.array([[0.97, 0.02, 0.01], [0.01, 0.02, 0.97]])[data["label"]])


def _banking(datasets: Path) -> pd.DataFrame:
    data = _read(datasets, "banking77/train.csv")
    data = data[data["category"].isin(QUESTION_INTENTS)]
    return _rows(data["text"], "banking77", np.array([0.05, 0.93, 0.02]), "bank " + data["category"])


def _cfpb(datasets: Path) -> pd.DataFrame:
    """Openings of consumer complaints: no sentiment label, but every one was filed as a complaint."""
    data = _read(datasets, "cfpb/complaints_2019_2020.csv").dropna(subset=["Consumer complaint narrative"])
    text = data["Consumer complaint narrative"].map(lambda words: " ".join(re.sub("X{2,}", "", words).split()[:70]))
    return _rows(text, "cfpb", np.array([0.70, 0.28, 0.02]), "cfpb " + data["Issue"])


def _written(files: list[Path], source: str) -> pd.DataFrame:
    data = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    return _rows(data["text"], source, 0.94 * np.eye(3)[data["label"].map(CLASSES.index)] + 0.02)
