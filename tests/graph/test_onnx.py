"""ONNX files: what a runtime computes with them, and which can be read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ghn.errors import DataError, ExistsError, GraphError, MissingExtraError
from ghn.graph.ir import GraphBuilder
from ghn.graph.network import Network
from ghn.graph.onnx import read_onnx, write_onnx

pytest.importorskip("onnxscript")
onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")


def small() -> Network:
    b = GraphBuilder((3, 8, 8))
    x = b.add("conv", b.input, name="stem/conv", out=4, kernel=3, padding=1)
    x = b.add("relu", b.add("batch_norm", x, name="stem/norm"), name="stem/relu")
    zero = b.add("zero", x, name="zero", c=4, h=8, w=8)
    x = b.add("sum", x, zero, b.add("avg_pool", x, name="pool", kernel=3, padding=1), name="sum")
    return Network.of(b.build(b.add("linear", b.add("global_pool", x, name="head/pool"), name="head/linear", out=5)))


def weights_of(network: Network) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {p.name: torch.randn(p.shape, generator=generator) for p in network.graph.params()}


def run(path: Path, x: torch.Tensor) -> np.ndarray:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, dict[str, torch.Tensor], Path]:
    network = small()
    weights = weights_of(network)
    return network, weights, write_onnx(network, weights, tmp_path_factory.mktemp("onnx") / "net.onnx")


def test_a_runtime_computes_what_the_program_does_for_batches_of_any_size(written) -> None:
    network, weights, path = written
    model = onnx.load(path)
    assert {one.name for one in model.graph.initializer} >= weights.keys()  # as Netron shows them
    for size in (1, 5):
        x = torch.randn(size, 3, 8, 8)
        found, expected = run(path, x), network.program.run(weights, x).output.numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert np.ptp(found, axis=0).min() > 0


def test_what_a_conversion_gets_wrong_is_refused(written) -> None:
    pytest.importorskip("onnx2pytorch")
    with pytest.raises(GraphError, match=r"as onnxruntime computes it(?s:.*)export it for inference"):
        read_onnx(written[2])  # statistics of the batch


def test_files_are_kept_and_weights_must_fit(written, tmp_path: Path) -> None:
    network, weights, path = written
    before = path.read_bytes()
    with pytest.raises(ExistsError, match="overwrite=True"):
        write_onnx(network, weights, path)
    assert path.read_bytes() == before
    for wrong in ({}, {**weights, "more": torch.zeros(1)}):
        with pytest.raises(GraphError, match=r"do not fit(?s:.*)missing"):
            write_onnx(network, wrong, tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


def test_a_users_module_with_running_statistics_is_written_and_read_again(tmp_path: Path) -> None:
    pytest.importorskip("onnx2pytorch")
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    network = Network.from_module(nn.Sequential(*layers), torch.randn(2, 3, 8, 8))
    program = network.program.with_stats()
    stats = {name: value + torch.rand(value.shape) for name, value in program.new_stats().items()}
    path = write_onnx(network, stats, tmp_path / "net.onnx")  # with the weights that it brings along
    x = torch.randn(4, 3, 8, 8)
    expected = program.run({**network.own, **stats}, x).output.detach().numpy()
    np.testing.assert_allclose(run(path, x), expected, atol=1e-5 * np.abs(expected).max())
    found = read_onnx(path)  # the exporter has folded the normalisation into the convolution
    assert [node.op for node in found.graph.nodes] == ["input", "conv", "relu", "global_pool", "linear"]
    own = found.program.run(found.own, x).output.detach().numpy()
    np.testing.assert_allclose(own, expected, atol=1e-5 * np.abs(expected).max())


def test_what_is_no_model_of_one_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx2pytorch")
    path = tmp_path / "net.onnx"
    for nothing in (None, 3, b"net.onnx"):
        with pytest.raises(DataError, match="by its path"):
            read_onnx(nothing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no ONNX file"):
        read_onnx(path)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="no ONNX file"):
        read_onnx(path)
    helper, proto = onnx.helper, onnx.TensorProto
    away = helper.make_tensor("w", proto.FLOAT, [1], [1.0])
    away.data_location = proto.EXTERNAL
    away.external_data.add(key="location", value="/etc/passwd")
    away.ClearField("float_data")
    value = [helper.make_tensor_value_info(name, proto.FLOAT, ["batch", 1]) for name in ("x", "y")]
    for initializers, says in (
        ([away], "other files|no ONNX file"),
        ([], "cannot be read|not run by onnxruntime|no ONNX file"),
    ):
        node = helper.make_node("Add" if initializers else "Optional", ["x", *(["w"] if initializers else [])], ["y"])
        path.write_bytes(
            helper.make_model(helper.make_graph([node], "g", value[:1], value[1:], initializers)).SerializeToString()
        )
        with pytest.raises((DataError, GraphError), match=says):
            read_onnx(path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"onnxscript(?s:.*)ghn\[onnx\]"):
        write_onnx(small(), {}, tmp_path / "net.onnx")
