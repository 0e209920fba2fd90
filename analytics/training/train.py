"""The command that trains the sentiment models: ``python -m analytics.training.train``.

The heads that follow the encoder are the command ``heads``; the model cards are ``cards``.
"""

import argparse
import logging
from pathlib import Path

from analytics.text.linear import MODELS
from analytics.training.fast import train_fast
from analytics.training.finetune import train_accurate
from analytics.training.places import DATASETS
from analytics.training.sets import load_training_sets


def main(arguments: list[str] | None = None) -> None:
    """Train and write the shipped models: ``fast``, ``accurate``, or both when none is named."""
    parser = argparse.ArgumentParser(
        prog="python -m analytics.training.train", description="Train the shipped text models."
    )
    parser.add_argument("model", nargs="?", choices=["fast", "accurate", "all"], default="all")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the training sets")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    texts = load_training_sets(chosen.datasets)
    if chosen.model != "accurate":
        train_fast(texts, MODELS)
    if chosen.model != "fast":
        train_accurate(texts, MODELS)


if __name__ == "__main__":
    main()
