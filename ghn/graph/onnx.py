"""Networks as ONNX files: written with their weights, and read as far as a graph can be captured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ghn.errors import DataError, ExistsError, GraphError
from ghn.extras import need
from ghn.files import write_atomic
from ghn.graph.interpreter import Inputs, as_tuple
from ghn.graph.network import Network, Program
from ghn.reading import read_bytes

TOLERANCE = 1e-3  # of the greatest output: runtimes sum in other orders
LARGEST = 1 << 31  # bytes of a file, the most that protobuf reads
MOST_VALUES = 1 << 28  # of an input
ITEMS = 2  # of a batch of examples


def write_onnx(
    network: Network,
    weights: Mapping[str, Tensor],
    path: str | Path,
    example_inputs: Inputs | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Writes a network with its weights as an ONNX file, which Netron shows and any runtime runs.

    Initializers have the names of the parameters; the size of a batch is free. Without running statistics among the
    weights, normalisations compute those of the batch, as everywhere here with generated weights: an output then
    depends on the other items of its batch.

    Args:
        network: such as `space.network(arch).live()`.
        weights: by name; what the network brings along itself may be missing.
        path: of the file.
        example_inputs: a batch of at least two, where inputs are more than one tensor of floats.
        overwrite: replace a file that is there.

    Raises:
        ExistsError: the file is there.
        GraphError: weights are missing or unknown, or the network computes something that ONNX does not have.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise ExistsError("there is a file already", got=str(path), fix="give another path, or overwrite=True")
    onnx, _ = _need("onnx"), _need("onnxscript")
    weights = network.complete(weights)
    program = network.program
    if weights.keys() - program.needed:
        program = program.with_stats()
    if weights.keys() != program.needed:
        missing, extra = sorted(program.needed - weights.keys()), sorted(weights.keys() - program.needed)
        raise GraphError("weights do not fit the network", got=f"missing: {missing[:5]}, unknown: {extra[:5]}")
    example = _example(network) if example_inputs is None else example_inputs
    given = as_tuple(example)
    keys = list(example) if isinstance(example, Mapping) else None
    names = keys or ["input", *(f"input{i}" for i in range(1, len(given)))]
    wrapped = _Weighted(program, weights, keys).eval()
    batch = torch.export.Dim("batch", min=1)
    free = (tuple({0: batch} for _ in given),)  # of the one argument, a tuple of any length
    try:
        made = torch.onnx.export(wrapped, given, input_names=names, dynamic_shapes=free, dynamo=True, verbose=False)
        assert made is not None  # as it writes no file itself
        onnx.checker.check_model(made.model_proto, full_check=True)
    except Exception as error:  # whatever a forward pass of the user's own, or the exporter, raises
        raise GraphError("the network cannot be written as ONNX", got=f"{type(error).__name__}: {error}") from error
    write_atomic(path, made.model_proto.SerializeToString())
    return path


def read_onnx(path: str | Path) -> Network:
    """Reads a network, with the weights that it brings along (`Network.own`), from an ONNX file.

    Its modules are captured as any module's are (`Network.from_module`), and run beside onnxruntime once: what the
    conversion does not compute as the file says is refused. Nothing that the file names is opened.

    Raises:
        DataError: it is no ONNX file, keeps weights in other files, or has inputs of unknown size.
        GraphError: it holds operations that cannot be converted or captured, or that the conversion gets wrong.
        MissingExtraError: onnx, onnxruntime or onnx2pytorch is not installed.
    """
    onnx, runtime, converter = _need("onnx"), _need("onnxruntime"), _need("onnx2pytorch")
    if not isinstance(path, str | Path):
        raise DataError("an ONNX file is read by its path", got=repr(path)[:100], expected="a str or Path")
    path = Path(path)
    try:
        content = read_bytes(path, LARGEST)
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # missing, not protobuf, or not a model: each with a type of its own
        raise DataError(f"{path} is no ONNX file", got=f"{type(error).__name__}: {error}"[:300]) from None
    outside = [one.name for one in model.graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        fix = "save it in one file: onnx.save(model, path) after onnx.load(path)"
        raise DataError(f"{path} keeps weights in other files", got=outside[:5], expected="one file", fix=fix)
    inputs = _inputs_of(path, model)
    try:
        module = converter.ConvertModel(model, experimental=True).eval()  # it means: batches of any size
        with torch.no_grad():
            found = [x.numpy() for x in as_tuple(module(*inputs.values()))]
    except Exception as error:  # of an operation that the converter does not know, or gets wrong
        what = f"{path} holds operations that cannot be read"
        known = sorted({node.op_type for node in model.graph.node})
        raise GraphError(what, got=f"{type(error).__name__}: {error}; it has {', '.join(known)}") from error
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        expected = session.run(None, {name: x.numpy() for name, x in inputs.items()})
    except Exception as error:  # types of its own
        raise GraphError(f"{path} is not run by onnxruntime", got=f"{error}"[:300]) from error
    _check_same(path, found, expected)
    return Network.from_module(module, tuple(inputs.values()))


class _Weighted(nn.Module):
    """A program with its weights, as a module whose parameters they are."""

    def __init__(self, program: Program, weights: Mapping[str, Tensor], keys: Sequence[str] | None) -> None:
        super().__init__()
        self._program, self._keys = program, keys
        self._names = {name: name.replace(".", "/") for name in weights}  # no parameter may hold a dot
        for name, own in self._names.items():
            self.register_buffer(own, weights[name].detach().cpu())

    def forward(self, *given: Tensor) -> Any:
        weights: dict[str, Tensor] = {name: getattr(self, own) for name, own in self._names.items()}
        x: Any = given[0] if len(given) == 1 else given
        return self._program.run(weights, x if self._keys is None else dict(zip(self._keys, given, strict=True))).output


def _example(network: Network) -> tuple[Tensor, ...]:
    """Random inputs of the graph's shapes."""
    shapes = [node.shape for node in network.graph.nodes if node.op == "input"]
    return tuple(torch.randn(ITEMS, *shape, generator=torch.Generator().manual_seed(0)) for shape in shapes)


def _inputs_of(path: Path, model: Any) -> dict[str, Tensor]:
    """Random inputs of the sizes that a model says, those without a size, or named, taken as the batch."""
    held = {one.name for one in model.graph.initializer}
    found: dict[str, Tensor] = {}
    for one in model.graph.input:
        if one.name in held:
            continue
        kind, sizes = one.type.tensor_type.elem_type, [d.dim_value for d in one.type.tensor_type.shape.dim]
        if not sizes or kind != 1 or any(size < 1 for size in sizes[1:]):
            what = f"{path}: the input {one.name} is no batch of floats of known size"
            raise DataError(what, got=sizes, expected="float32, of fixed sizes but the first")
        if prod(sizes[1:]) > MOST_VALUES or sizes[0] > MOST_VALUES // prod(sizes[1:]):
            raise DataError(f"{path}: the input {one.name} is too large", got=sizes, expected=f"{MOST_VALUES} values")
        shape = (sizes[0] if sizes[0] > 0 else ITEMS, *sizes[1:])
        found[one.name] = torch.randn(shape, generator=torch.Generator().manual_seed(len(found)))
    return found


def _check_same(path: Path, found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Refuses outputs that are not those of the runtime."""
    same = [one.shape == other.shape for one, other in zip(found, expected, strict=False)]
    if len(found) == len(expected) and all(same):
        pairs = zip(found, expected, strict=True)
        share = max(abs(one - other).max() / max(abs(other).max(), 1e-12) for one, other in pairs)
        if share <= TOLERANCE:
            return
        got = f"outputs that differ by {share:.1e} of the greatest"
    else:
        got = f"outputs of shapes {[one.shape for one in found]}"
    raise GraphError(
        f"{path} is not computed by its conversion as onnxruntime computes it",
        got=got,
        expected=f"the same, to {TOLERANCE:.0e} of the greatest",
        fix="export it for inference, in which normalisations are folded or have running statistics",
    )


def _need(package: str) -> Any:
    return need(package, "onnx", "an ONNX file")
