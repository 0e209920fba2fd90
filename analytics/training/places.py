"""Where training finds its lines and the data sets."""

from pathlib import Path

DATASETS = Path(__file__).resolve().parents[3] / "shared" / "datasets"
LINES = Path(__file__).resolve().parents[2] / "data" / "training"  # written for this project
IDIOMS = LINES / "idioms_train.csv"
PHRASES = [LINES / "service_phrases.csv", IDIOMS]  # short and plain
REMARKS = LINES / "remarks.csv"  # as customers write: of all lengths, mostly hard
