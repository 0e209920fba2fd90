"""The sentence encoder: texts in, numbers out, for every head that learns what customers said.

Belongs here: running the shipped ONNX graph. Not here: how it was trained (``finetune.py``), what is read off the
embedding (``accurate.py`` and the other heads).
"""

import hashlib
import os
from collections.abc import Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics.text.clean import mask_brands, normalise
from analytics.text.linear import MODELS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

WINDOW = 128  # tokens read at once, the length the encoder was trained on
MAX_WINDOWS = 10  # windows read of one text; a longer text is read at this many even places
KEPT = 8192  # embeddings of the last texts held in memory (12 MiB): sentiment, themes and quotes read the same ones
BATCH_TOKENS = 2048  # tokens in one batch: fits the cache of a small machine
THREADS = int(os.environ.get("OMP_NUM_THREADS", 2))  # one in a Dask worker, which sets this variable


class Encoder:
    """Sentence encoder whose weights ship with the package; make one with `Encoder.load`.

    Parameters
    ----------
    folder
        Folder that holds ``encoder.onnx`` and ``encoder_tokenizer.json``.
    """

    def __init__(self, folder: Path = MODELS) -> None:
        self.folder = folder
        self._kept: dict[str, np.ndarray] = {}

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "Encoder":
        """Return the shipped encoder, the same object every time."""
        return Encoder()

    @cached_property
    def version(self) -> str:
        """First twelve hexadecimal digits of the SHA-256 of the graph: changes whenever an embedding may."""
        return hashlib.sha256((self.folder / "encoder.onnx").read_bytes()).hexdigest()[:12]

    @cached_property
    def width(self) -> int:
        """Number of columns of an embedding."""
        return int(self._session.get_outputs()[0].shape[1])

    @cached_property
    def _session(self) -> "InferenceSession":
        return self._open(THREADS)

    def _open(self, threads: int) -> "InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to others when idle
        return onnxruntime.InferenceSession(self.folder / "encoder.onnx", options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.folder / "encoder_tokenizer.json"))

    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """Embed texts: the mean over tokens of the encoder's last layer.

        Markup, links and handles are cleaned away first. A text longer than one window of 128 tokens is read in
        windows, at most 10 at even places, and their embeddings are averaged by number of tokens. A text's
        embedding does not depend on the texts embedded with it.

        Parameters
        ----------
        texts
            Customer texts; brands should be masked already (`clean.mask_brands`). An empty text has an embedding too.

        Returns
        -------
        numpy.ndarray
            float32, one row per text in the order given, 384 columns, not scaled to unit length.

        Examples
        --------
        >>> Encoder.load().embed(["Still waiting for my refund.", "All sorted, thank you!"]).shape
        (2, 384)
        """
        return self.embed_clean([mask_brands(normalise(text), ()) for text in texts])

    def embed_clean(self, cleaned: list[str]) -> np.ndarray:
        """As `embed`, of texts that are normalised and hold no handle."""
        new = list(dict.fromkeys(text for text in cleaned if text not in self._kept))
        found = self._kept | (dict(zip(new, self._embed(new), strict=True)) if new else {})
        over = len(found) > KEPT  # then the last ones stay, copied so that the array they lie in can go
        self._kept = {text: row.copy() for text, row in list(found.items())[-KEPT:]} if over else found
        return np.stack([found[text] for text in cleaned]) if cleaned else np.empty((0, self.width), dtype=np.float32)

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Embed texts on one core and keep them for `embed`: for a thread beside other work.

        Parameters
        ----------
        texts
            As for `embed`; more than the memory holds are left to it. Without any, nothing is loaded.
        """
        texts = list(dict.fromkeys(texts))[:KEPT]
        if not texts:
            return
        aside = Encoder(self.folder)
        aside._session = aside._open(1)
        aside.embed(texts)
        self._kept |= aside._kept

    def forget(self) -> None:
        """Drop the embeddings held in memory: what is timed must not have been read before."""
        self._kept = {}

    def _embed(self, cleaned: list[str]) -> np.ndarray:
        ids: list[list[int]] = []
        owner: list[int] = []
        for start in range(0, len(cleaned), 4096):
            found = self._tokenizer.encode_batch_fast(cleaned[start : start + 4096])
            for row, encoding in enumerate(found, start):
                windows = split_windows(encoding.ids)
                ids += windows
                owner += [row] * len(windows)
        return self._average(ids, np.array(owner, dtype=int), len(cleaned))

    def _average(self, ids: list[list[int]], owner: np.ndarray, n: int) -> np.ndarray:
        """Embed the windows in batches of like length, and average them by owner."""
        first, last = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        lengths = np.array([len(window) + 2 for window in ids], dtype=int)
        order = np.argsort(lengths, kind="stable")
        total, tokens = np.zeros((n, self.width), dtype=np.float32), np.bincount(owner, lengths, n)
        start = len(order)
        while start > 0:  # longest first
            length = lengths[order[start - 1]]
            rows = order[max(0, start - max(1, BATCH_TOKENS // length)) : start]
            block = np.zeros((len(rows), length), dtype=np.int64)
            for place, row in enumerate(rows):
                block[place, : lengths[row]] = [first, *ids[row], last]
            mask = (np.arange(length) < lengths[rows, None]).astype(np.int32)
            embedding = self._session.run(None, {"ids": block, "mask": mask})[0]
            np.add.at(total, owner[rows], embedding * lengths[rows, None].astype(np.float32))
            start -= len(rows)
        return total / np.maximum(tokens, 1)[:, None].astype(np.float32)


def split_windows(ids: list[int]) -> list[list[int]]:
    """Cut token ids into windows of nearly equal length; of a very long text, keep `MAX_WINDOWS` at even places.

    Examples
    --------
    >>> [len(window) for window in split_windows(list(range(300)))]
    [100, 100, 100]
    >>> split_windows([])
    [[]]
    """
    number = max(1, -(-len(ids) // (WINDOW - 2)))
    edges = np.linspace(0, len(ids), number + 1).astype(int)
    kept = np.unique(np.linspace(0, number - 1, min(number, MAX_WINDOWS)).astype(int))
    return [ids[edges[place] : edges[place + 1]] for place in kept]
