"""What a record of the published table says of one training: a protocol buffer, decoded by hand.

The message is a `ModelMetrics`: field 1, repeated, an `EvaluationData`; field 2 the number of parameters; field 3 a
time that is not needed. Of an `EvaluationData` fields 2 to 5 are seconds of training, and accuracies on training,
validation and test images, all doubles.

Source: github.com/google-research/nasbench, nasbench/lib/model_metrics.proto; protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_LONGEST_VARINT = 10  # bytes, of 64 bits


class Evaluation(NamedTuple):
    """A network at one moment of its training."""

    seconds: float  # of training up to then
    train_accuracy: float  # fractions, all three
    val_accuracy: float
    test_accuracy: float


class Metrics(NamedTuple):
    """One training."""

    params: int
    evaluations: tuple[Evaluation, ...]  # before it, halfway and at its end


def decode_metrics(data: bytes) -> Metrics:
    """Reads a `ModelMetrics`; a `ValueError` says what is wrong with it."""
    params, evaluations = None, []
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            evaluations.append(_evaluation(value))
        elif number == 2 and isinstance(value, int):
            params = value
    if params is None:
        raise ValueError("no number of parameters")
    return Metrics(params, tuple(evaluations))


def _evaluation(data: bytes) -> Evaluation:
    values = {number: value for number, value in _fields(data) if isinstance(value, float)}
    if missing := [number for number in (2, 3, 4, 5) if number not in values]:
        raise ValueError(f"an evaluation without its fields {missing}")
    return Evaluation(*(values[number] for number in (2, 3, 4, 5)))


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message: number and value, in order; 8 bytes are a double, and 4 are passed over."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"field {number} has the unknown wire type {wire}")
        if size > len(data) - at:
            raise ValueError(f"field {number} is cut off")
        if wire == _FIXED64:
            yield number, struct.unpack_from("<d", data, at)[0]
        elif wire == _BYTES:
            yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    for k, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * k
        if byte < 128:
            return value, at + k + 1
    raise ValueError("a number without an end")
