"""Writes a fine-tuned encoder as an ONNX graph of whole numbers (training time only; needs the extra ``train``).

The graph is written node by node. Weights have 7 bits and a scale per column (words: 8 bits and a scale per word);
activations are quantised row by row, so a text's embedding does not depend on the texts scored beside it,
which the usual dynamic quantisation (one scale for the whole batch) cannot promise.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

HEADS = 12
DOMAIN = "com.microsoft"
FLOAT = 1  # onnx.TensorProto.FLOAT
SCALARS = (("step", 1 / 127, np.float32), ("middle", 128, np.uint8), ("nought", 0, np.int8), ("tiny", 1e-9, np.float32))


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

    def quantise(self, value: str) -> tuple[str, str]:
        """A value as unsigned bytes around 128 and the scale of each of its rows, by the row's largest size."""
        self.add("Abs", [value], f"{value}.abs")
        self.add("ReduceMax", [f"{value}.abs"], f"{value}.max", axes=[-1], keepdims=1)
        self.add("Max", [f"{value}.max", "tiny"], f"{value}.scale")
        self.add("Div", [value, f"{value}.scale"], f"{value}.unit")
        return self.add("QuantizeLinear", [f"{value}.unit", "step", "middle"], f"{value}.q"), f"{value}.scale"

    def linear(self, value: tuple[str, str], name: str) -> str:
        """A linear layer of whole numbers, without its bias, of a value that is quantised."""
        packed, scales = quantise(self.weights[f"{name}.weight"])
        weights = [self.constant(f"{name}.q", packed), "step", self.constant(f"{name}.scale", scales)]
        inputs = [value[0], *weights, "middle", "nought"]
        self.add("MatMulIntegerToFloat", inputs, f"{name}.unit", domain=DOMAIN)
        return self.add("Mul", [f"{name}.unit", value[1]], f"{name}.out")

    def bias(self, *names: str) -> str:
        """Biases of linear layers side by side."""
        return self.constant(f"{names[0]}.bias", np.concatenate([self.weights[f"{name}.bias"] for name in names]))

    def layer(self, value: str, skip: str, name: str) -> str:
        """A linear layer, added to what came before and normalised."""
        mixed = self.linear(self.quantise(value), f"{name}.dense")
        mixed = self.add("Add", [mixed, self.bias(f"{name}.dense")], f"{name}.mixed")
        return self.add_and_normalise(mixed, skip, f"{name}.LayerNorm")

    def add_and_normalise(self, value: str, skip: str, name: str) -> str:
        scale = [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        self.add("Add", [value, skip], f"{name}.sum")
        return self.add("LayerNormalization", [f"{name}.sum", *scale], f"{name}.out", axis=-1, epsilon=1e-12)


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the layer's inputs by outputs as whole numbers from -63 to 63, and the scale of each output.

    Seven bits, as two products of eight bits overflow the sums of processors without VNNI.
    """
    scales = np.abs(weight).max(axis=1) / 63
    return np.rint(weight / scales[:, None]).astype(np.int8).T, scales.astype(np.float32)


def write_onnx(weights: dict[str, np.ndarray], layers: Sequence[int], path: Path) -> None:
    """Write the encoder: inputs ``ids`` and ``mask`` (n, length), output ``embedding``, the tokens' means side by side.

    Parameters
    ----------
    weights
        State of a transformers ``BertModel`` as float32 arrays.
    layers
        Layers whose means are given, counted from 1, each of the model's width; those after the last are left out.
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
    for name, number, kind in SCALARS:
        graph.constant(name, np.array(number, kind))
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
    graph.add("Cast", ["mask"], "mask32", to=FLOAT)
    graph.add("Unsqueeze", ["mask32", "last"], "weight")
    graph.add("ReduceSum", ["weight", "axis"], "count", keepdims=0)
    means = []
    for number in range(max(layers)):
        layer = f"encoder.layer.{number}"
        asked, sources = graph.quantise(state), [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        inputs = [*(graph.linear(asked, source) for source in sources), graph.bias(*sources), "mask"]
        mixed = graph.add("MultiHeadAttention", inputs, f"{layer}.mixed", domain=DOMAIN, num_heads=HEADS)
        state = graph.layer(mixed, state, f"{layer}.attention.output")
        wide = graph.linear(graph.quantise(state), f"{layer}.intermediate.dense")
        wide = graph.add("BiasGelu", [wide, graph.bias(f"{layer}.intermediate.dense")], f"{layer}.gelu", domain=DOMAIN)
        state = graph.layer(wide, state, f"{layer}.output")
        if number + 1 in layers:
            graph.add("Mul", [state, "weight"], f"{layer}.weighted")
            graph.add("ReduceSum", [f"{layer}.weighted", "axis"], f"{layer}.sum", keepdims=0)
            means.append(graph.add("Div", [f"{layer}.sum", "count"], f"{layer}.mean"))
    graph.add("Concat", means, "embedding", axis=1)
    _save(graph, words.shape[1] * len(means), path)


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
