"""The reader of the published table: small files are written here in the exact format, then read."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from ghn.errors import ConfigError, DataError
from ghn.spaces import NASBench101
from ghn.spaces.nasbench101.metrics import decode_metrics
from ghn.spaces.nasbench101.published import SKELETON, read_nasbench101, read_trainings
from ghn.tables import ReferenceTable, TableEstimator
from ghn.tables.references import table_reference
from ghn.tables.tfrecords import masked_crc
from ghn.types import Trial

SPACE = NASBench101((3, 32, 32), classes=10, width=128, depth=3)
CHAIN, WIDE = ("conv3x3:0", "output:1"), ("conv3x3:0", "conv1x1:01", "output:12")
MODULES = {  # as the benchmark writes them: digits of the matrix, and operations
    CHAIN: ("010001000", "input,conv3x3-bn-relu,output"),
    WIDE: ("0110001100010000", "input,conv3x3-bn-relu,conv1x1-bn-relu,output"),
}
PARAMS = {CHAIN: 1000, WIDE: 1_234_567}


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def evaluation(epoch: float, seconds: float, *accuracies: float) -> bytes:
    values = (epoch, seconds, *accuracies)
    path = b"\x32" + varint(9) + b"ckpt-1234"  # field 6, a text that is passed over
    return b"".join(double(i, value) for i, value in enumerate(values, start=1)) + path


def metrics(params: int, evaluations: list[bytes]) -> bytes:
    each = b"".join(b"\x0a" + varint(len(one)) + one for one in evaluations)
    return each + b"\x10" + varint(params) + double(3, 1999.5)


def record(arch: Any, epochs: int, final: float, /, **changes: Any) -> bytes:
    matrix, operations = MODULES[arch]
    three = [evaluation(0, 1, 0.1, 0.1, 0.1), evaluation(epochs / 2, 500, 0.7, 0.6, 0.5)]
    content = metrics(PARAMS[arch], [*three, evaluation(epochs, 1000.25, 1.0, final, final - 0.01)])
    row = {
        "hash": "0" * 32,
        "epochs": epochs,
        "matrix": matrix,
        "operations": operations,
        "metrics": content,
        **changes,
    }
    row["metrics"] = base64.b64encode(row["metrics"]).decode()
    return json.dumps(list(row.values())).encode()


def write(path: Path, *records: bytes) -> Path:
    def frame(data: bytes) -> bytes:
        length = struct.pack("<Q", len(data))
        return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))

    path.write_bytes(b"".join(map(frame, records)))
    return path


@pytest.fixture
def published(tmp_path: Path) -> Path:
    finals = {108: (0.91, 0.92417866, 0.93), 4: (0.5, 0.6, 0.7)}
    rows = [record(CHAIN, epochs, final) for epochs, each in finals.items() for final in each]
    return write(tmp_path / "nasbench_full.tfrecord", *rows, record(WIDE, 108, 0.8))


def test_a_table_has_every_repetition_of_a_budget(published: Path) -> None:
    table = read_nasbench101(published)
    assert table.archs() == [SPACE.format(CHAIN), SPACE.format(WIDE)]
    first, second, _ = table.of(SPACE.format(CHAIN))
    assert (first.seed, second.seed) == (0, 1) and first.params == PARAMS[CHAIN] and first.seconds == 1000.25
    assert first.epochs == (54, 108) and first.val_accuracy == (0.6, 0.91) and first.train_accuracy == (0.7, 1.0)
    assert first.test_accuracy == 0.9
    assert second.val_accuracy[1] == 0.924179  # without the noise of float32
    archs, seeds = table.seeds("val_accuracy")
    assert archs == [SPACE.format(CHAIN)] and seeds.tolist() == [[0.91, 0.924179, 0.93]]
    early = read_nasbench101(published, epochs=4)
    assert len(early) == 3 and early.runs[0].epochs == (2, 4) and early.header.recipe["epochs"] == 4
    assert len(read_nasbench101(published, archs=[SPACE.format(WIDE)])) == 1
    assert [t.epochs for t in read_trainings(published)] == [108] * 3 + [4] * 3 + [108]


def test_look_ups_and_references_of_a_run(published: Path, tmp_path: Path) -> None:
    table = read_nasbench101(published)
    assert table.header.skeleton == SKELETON == SPACE.describe()
    (score,) = TableEstimator(table, SPACE).score([Trial("0", CHAIN, budget=54)])
    assert score.value == pytest.approx(0.6) and score.cost_seconds == pytest.approx(3 * 500.125)
    path = tmp_path / "nasbench101.jsonl.gz"
    table.save(path)
    small = NASBench101((3, 16, 16), classes=10)
    reference = table_reference(path, small, "of other images")
    assert reference.values[SPACE.format(WIDE)] == pytest.approx(0.79)
    assert reference.seeds == {SPACE.format(CHAIN): pytest.approx([0.9, 0.914179, 0.92])}
    assert "108 epochs of training on cifar10" in reference.name
    assert reference.note and "published" in reference.note and "width" in reference.note
    assert ReferenceTable.load(path).runs == table.runs


def test_the_messages_of_the_official_library_are_read() -> None:
    """`ModelMetrics` as the library of protocol buffers writes it."""
    descriptor = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    file = descriptor.FileDescriptorProto(name="metrics.proto", package="nasbench", syntax="proto2")
    kinds = descriptor.FieldDescriptorProto
    inner, outer = file.message_type.add(name="EvaluationData"), file.message_type.add(name="ModelMetrics")
    names = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
    for i, name in enumerate(names, start=1):
        inner.field.add(name=name, number=i, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    inner.field.add(name="checkpoint_path", number=6, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    outer.field.add(
        name="evaluation_data",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".nasbench.EvaluationData",
        label=kinds.LABEL_REPEATED,
    )
    outer.field.add(name="trainable_parameters", number=2, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    outer.field.add(name="total_time", number=3, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))()
    message.trainable_parameters, message.total_time = 2_694_282, 1.0
    for epoch in (0.0, 54.0, 108.0):
        values = dict(zip(names, (epoch, 10 * epoch, 0.9, 0.8, 0.7), strict=True))
        message.evaluation_data.add(**values, checkpoint_path="/path/model.ckpt-1")
    found = decode_metrics(message.SerializeToString())
    assert found.params == 2_694_282 and found.evaluations[2] == (1080.0, 0.9, 0.8, 0.7)
    assert len(found.evaluations) == 3


GOOD = metrics(1000, [evaluation(0, 1, 0.1, 0.1, 0.1)] * 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 5}, "5 epochs"),
        ({"epochs": "108"}, "'108' epochs"),
        ({"matrix": "01000100"}, "not a matrix"),
        ({"matrix": "010001002"}, "not digits"),
        ({"matrix": "000001000"}, "cut off"),
        ({"matrix": None}, "TypeError"),
        ({"operations": "input,conv5x5,output"}, "unknown operation"),
        ({"operations": 5}, "TypeError"),
        ({"operations": "input," * 5000}, "not a matrix"),
        ({"metrics": b""}, "no number of parameters"),
        ({"metrics": GOOD[:40]}, "field 1 is cut off"),
        ({"metrics": GOOD[:-9]}, None),
        ({"metrics": GOOD + b"\x0b"}, "wire type 3"),
        ({"metrics": GOOD + b"\x10" + b"\xff" * 12}, "without an end"),
        ({"metrics": GOOD + b"\x0a\xff\xff\xff\xff\x0f"}, "cut off"),
        ({"metrics": metrics(1, [evaluation(0, 1, 0.1, 0.1, 0.1)] * 2)}, "2 evaluations in place of 3"),
        ({"metrics": metrics(1, [double(2, 1.0)] * 3)}, r"without its fields \[3, 4, 5\]"),
        ({"metrics": metrics(1, [evaluation(0, 1, 0.1, 1.1, 0.1)] * 3)}, "out of range"),
        ({"metrics": metrics(1, [evaluation(0, float("nan"), 0.1, 0.1, 0.1)] * 3)}, "out of range"),
        ({"one": 1, "more": 2}, "too many values"),
    ],
)
def test_the_record_that_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], message: str | None) -> None:
    path = write(tmp_path / "some.tfrecord", record(CHAIN, 108, 0.9), record(CHAIN, 108, 0.9, **changes))
    if message is None:  # the total time is not needed
        assert len(read_nasbench101(path)) == 2
        return
    with pytest.raises(DataError, match=rf"some.tfrecord, record 2 is no training(?s:.*){message}"):
        read_nasbench101(path)


def test_files_of_something_else_are_refused(tmp_path: Path, published: Path) -> None:
    for data in (b"{}", b"[" * 5000, b"\xff\xfe", b"3"):
        with pytest.raises(DataError, match="record 1 is no training"):
            list(read_trainings(write(tmp_path / "other.tfrecord", data)))
    with pytest.raises(ConfigError, match=r"epochs 100(?s:.*)\(4, 12, 36, 108\)"):
        read_nasbench101(published, epochs=100)
    with pytest.raises(DataError, match="no training that is wanted"):
        read_nasbench101(published, epochs=36)
