"""Writes a fine-tuned encoder as an 8-bit ONNX graph (training time only; needs the extra ``train``).

The graph is written node by node. Weights are stored with 8 bits and one scale per block of 128 (words: one per
word); activations are quantised row by row, so a text's embedding does not depend on the texts scored beside it,
which the usual dynamic quantisation (one scale for the whole batch) cannot promise.
"""

from pathlib import Path

import numpy as np

HEADS = 12
BLOCK = 128
DOMAIN = "com.microsoft"
FLOAT = 1  # onnx.TensorProto.FLOAT


class _Graph:
    """Nodes and constants, collected in the order they run."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[tuple[str, list[str], str, dict]] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append((operator, inputs, output, attributes))
        return output

    def linear(self, value: str, name: str) -> str:
        """A linear layer with 8-bit weights."""
        packed, scales = quantise(self.weights[f"{name}.weight"])
        rows, columns = self.weights[f"{name}.weight"].shape
        inputs = [value, self.constant(f"{name}.q", packed), self.constant(f"{name}.scale", scales), "", ""]
        bias = self.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        sizes: dict[str, int] = {"K": columns, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        return self.add("MatMulNBits", [*inputs, bias], f"{name}.out", domain=DOMAIN, **sizes)

    def add_and_normalise(self, value: str, skip: str, name: str) -> str:
        scale = [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        inputs = [value, skip, *scale]
        return self.add("SkipLayerNormalization", inputs, f"{name}.out", domain=DOMAIN, epsilon=1e-12)


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric 8-bit blocks along the inputs: unsigned values around 128, and the scale of each block."""
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scales = np.abs(blocks).max(axis=2) / 127
    return (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8), scales.astype(np.float32)


def write_onnx(weights: dict[str, np.ndarray], layers: int, path: Path) -> None:
    """Write the encoder: inputs ``ids`` and ``mask`` (n, length), output ``embedding`` (n, width), the tokens' mean.

    Parameters
    ----------
    weights
        State of a transformers ``BertModel`` as float32 arrays.
    layers
        Number of layers to write.
    path
        File to write.
    """
    graph = _Graph(weights)
    words = weights["embeddings.word_embeddings.weight"]
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-6) / 127
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    graph.constant("words", np.rint(words / scale).astype(np.int8))
    graph.constant("word_scale", scale.astype(np.float32))
    graph.constant("positions", positions[:128])
    for name, value in {"zero": [0], "one": [1], "two": [2], "axis": [1], "last": [-1]}.items():
        graph.constant(name, np.array(value, np.int64))
    graph.add("Gather", ["words", "ids"], "word8")
    graph.add("Cast", ["word8"], "word32", to=FLOAT)
    graph.add("Gather", ["word_scale", "ids"], "scales")
    graph.add("Mul", ["word32", "scales"], "word")
    graph.add("Shape", ["ids"], "shape")
    graph.add("Slice", ["shape", "one", "two"], "length")
    graph.add("Slice", ["positions", "zero", "length", "zero"], "places")
    graph.add("Shape", ["word"], "full")
    graph.add("Expand", ["places", "full"], "place")
    state = graph.add_and_normalise("word", "place", "embeddings.LayerNorm")
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        parts = [graph.linear(state, f"{layer}.attention.self.{part}") for part in ("query", "key", "value")]
        inputs = [*parts, "", "mask"]
        mixed = graph.add("MultiHeadAttention", inputs, f"{layer}.mixed", domain=DOMAIN, num_heads=HEADS)
        mixed = graph.linear(mixed, f"{layer}.attention.output.dense")
        state = graph.add_and_normalise(mixed, state, f"{layer}.attention.output.LayerNorm")
        wide = graph.linear(state, f"{layer}.intermediate.dense")
        wide = graph.add("Gelu", [wide], f"{layer}.gelu", domain=DOMAIN)
        state = graph.add_and_normalise(graph.linear(wide, f"{layer}.output.dense"), state, f"{layer}.output.LayerNorm")
    graph.add("Cast", ["mask"], "mask32", to=FLOAT)
    graph.add("Unsqueeze", ["mask32", "last"], "weight")
    graph.add("Mul", [state, "weight"], "weighted")
    graph.add("ReduceSum", ["weighted", "axis"], "sum", keepdims=0)
    graph.add("ReduceSum", ["weight", "axis"], "count", keepdims=0)
    graph.add("Div", ["sum", "count"], "embedding")
    _save(graph, words.shape[1], path)


def _save(graph: _Graph, width: int, path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save  # type: ignore[import-not-found]

    nodes = [helper.make_node(kind, inputs, [out], name=out, **more) for kind, inputs, out, more in graph.nodes]
    constants = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "length"])
    mask = helper.make_tensor_value_info("mask", TensorProto.INT32, ["n", "length"])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width])
    body = helper.make_graph(nodes, "encoder", [ids, mask], [embedding], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    save(helper.make_model(body, opset_imports=opsets, ir_version=8, producer_name="customer-perception"), path)
