"""The sentence encoder: texts in, numbers out, for every head that learns what customers said.

Belongs here: running the shipped ONNX graph. Not here: how it was trained (``finetune.py``), what is read off the
embedding (``accurate.py`` and the other heads).
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
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
WORDS = 90  # of a text that fill about one window
ACCURATE_LIMIT = 20_000  # texts of one window: about two minutes on two cores
KEPT = 8192  # embeddings of the last texts that a reading holds (24 MiB): sentiment and themes read the same ones
BATCH_TOKENS = 512  # tokens in one batch: fits the cache of a small machine
THREADS = int(os.environ.get("OMP_NUM_THREADS", 2))  # one in a Dask worker, which sets this variable


class Encoder:
    """Sentence encoder whose weights ship with the package; make one with `Encoder.load`.

    Parameters
    ----------
    folder
        Folder that holds ``encoder.onnx`` and ``encoder_tokenizer.json``.
    threads
        Cores to use; the embeddings do not depend on it.
    """

    def __init__(self, folder: Path = MODELS, threads: int = THREADS) -> None:
        self.folder, self.threads = folder, threads

    @staticmethod
    @lru_cache(maxsize=2)
    def load(threads: int = THREADS) -> "Encoder":
        """Return the shipped encoder, the same object every time; it keeps no text and no embedding."""
        return Encoder(threads=threads)

    @cached_property
    def version(self) -> str:
        """First twelve hexadecimal digits of the SHA-256 of the graph: changes whenever an embedding may."""
        return hashlib.sha256((self.folder / "encoder.onnx").read_bytes()).hexdigest()[:12]

    @cached_property
    def width(self) -> int:
        """Number of columns of an embedding, one layer's of the two that the graph gives."""
        return int(self._session.get_outputs()[0].shape[1]) // 2

    @cached_property
    def _session(self) -> "InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to others when idle
        plain = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # normalising fused with adding is six times slower
        options.graph_optimization_level = plain
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
        return self.embed_normalised([normalise(text) for text in texts])

    def embed_normalised(self, texts: Iterable[str], brands: Sequence[str] = ()) -> np.ndarray:
        """As `embed`, of normalised texts; the brands are masked, and equal texts embedded once."""
        return self.embed_layers(texts, brands)[:, -self.width :]

    def embed_layers(self, texts: Iterable[str], brands: Sequence[str] = ()) -> np.ndarray:
        """As `embed_normalised`, with the mean of the third layer before that of the sixth and last.

        The last was tuned to sentiment; what a text is about stands clearer in both together.
        """
        return self._rows([mask_brands(text, brands) for text in texts])

    def _rows(self, cleaned: list[str]) -> np.ndarray:
        distinct = list(dict.fromkeys(cleaned))
        place = {text: row for row, text in enumerate(distinct)}
        return self._embed(distinct)[[place[text] for text in cleaned]]

    def _embed(self, cleaned: list[str]) -> np.ndarray:
        windows: list[list[list[int]]] = []
        for start in range(0, len(cleaned), 4096):
            encodings = self._tokenizer.encode_batch_fast(cleaned[start : start + 4096])
            windows += [split_windows(encoding.ids) for encoding in encodings]
        owner = np.repeat(np.arange(len(windows)), [len(cut) for cut in windows])
        return self._average(list(chain.from_iterable(windows)), owner, len(cleaned))

    def _average(self, ids: list[list[int]], owner: np.ndarray, n: int) -> np.ndarray:
        """Embed the windows in batches of like length, and average them by owner."""
        first, last = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        lengths = np.array([len(window) + 2 for window in ids], dtype=int)
        order = np.argsort(lengths, kind="stable")
        total, tokens = np.zeros((n, 2 * self.width), dtype=np.float32), np.bincount(owner, lengths, n)
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


class Memory(Encoder):
    """An encoder that remembers its last 8,192 texts, for one reading by several heads; it goes when the reading ends.

    Parameters
    ----------
    encoder
        The encoder that embeds what is new.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.folder, encoder.threads)
        self._encoder = encoder
        self._memory: dict[str, np.ndarray] = {}

    def _rows(self, cleaned: list[str]) -> np.ndarray:
        """Embed what is new, and answer the rest from memory."""
        new = [text for text in dict.fromkeys(cleaned) if text not in self._memory]
        read = zip(new, self._encoder._rows(new), strict=True)
        rows = self._memory | {text: row.copy() for text, row in read}  # so that the array they lie in can go
        self._memory = dict(list(rows.items())[-KEPT:])
        return np.stack([rows[text] for text in cleaned]) if cleaned else self._encoder._rows([])


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


def effort(texts: Iterable[str]) -> int:
    """How many texts of one window take as long to embed as these."""
    return sum(min(1 + len(text.split()) // WORDS, MAX_WINDOWS) for text in texts)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, so that their products are cosines; a row of zeros stays."""
    scaled: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return scaled
