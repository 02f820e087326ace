"""Whatever a file holds, its reader says what is wrong, within stated limits of memory."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_cases import table
from toy import SPACE

from ghn.errors import DataError, GhnError
from ghn.files import JsonLines
from ghn.graph.ir import Graph
from ghn.reading import from_json, is_file, read_bytes, read_npz, read_unpacked, reading, there_is
from ghn.report.model import read_report
from ghn.scoring.load import load, load_start
from ghn.scoring.score_files import PartialScores
from ghn.scoring.score_store import ScoreStore
from ghn.search.history import begun_budget
from ghn.spaces.lists import read_architectures, stream_architectures
from ghn.spaces.macro.published import read_nas_bench_macro
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.spaces.nasbench201.notation import read_listing
from ghn.tables.csv import read_curves_csv
from ghn.tables.pickles import restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.tfrecords import read_records
from ghn.tables.user_table import read_user_table
from ghn.tasks import make_task
from ghn.train.loop import read_lines

READERS: dict[str, Callable[[Path], Any]] = {
    "references": ReferenceTable.load,
    "curves": read_curves_csv,
    "table": lambda path: read_user_table(path, SPACE),
    "pickle": restricted_load,
    "records": lambda path: list(read_records(path)),
    "checkpoint": load,
    "start": load_start,
    "report": read_report,
    "sample": load_sample,
    "list": lambda path: read_architectures(path, SPACE),
    "stream": lambda path: list(stream_architectures(path, SPACE)),
    "listing": read_listing,
    "macro": read_nas_bench_macro,
    "log": read_lines,
    "lines": lambda path: JsonLines(path, "ghn.test/1", {}, "a test"),
    "scores": lambda path: PartialScores(path, {}),
    "csv task": lambda path: make_task("csv", path=str(path), target="y"),
    "images": lambda path: make_task("image_folder", root=str(path)),
}
NOT_FILES = ("/dev/zero", "pipe", "folder", "x" * 5000, "a\0b")


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_plain_file_is_refused_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for path in NOT_FILES:
        with pytest.raises(GhnError) as raised:
            READERS[name](Path(path))
        assert len(str(raised.value)) < 10_000


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5000, b"1e999", b"null", b'{"a": {}}\n', b"1"],
    ids=["binary", "deep", "digits", "infinite", "null", "object", "number"],
)
def test_what_is_no_such_file_is_said(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ("file.json" if name in ("list", "listing") else "file")
    path.write_bytes(content)
    if name == "stream" and content != b"\xff\xfe\x00":  # whoever parses its lines looks at them
        return
    with pytest.raises(GhnError):
        READERS[name](path)


def test_a_database_that_is_none(tmp_path: Path) -> None:
    for content in (b"text", os.urandom(4096)):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(DataError, match="no file of scores"):
            ScoreStore(tmp_path / "file", {})
        assert begun_budget(tmp_path) is None


def test_what_swells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = b"\0" * (1 << 20)
    for name, packed in {"a.gz": gzip.compress(zeros), "a.pbz2": bz2.compress(zeros), "a.pickle": zeros}.items():
        (tmp_path / name).write_bytes(packed)
        assert read_unpacked(tmp_path / name) == zeros
        with pytest.raises(ValueError, match="more than 1000 bytes"):
            read_unpacked(tmp_path / name, 1000)
    monkeypatch.setattr("ghn.reading.SMALL", 10_000)
    with pytest.raises(ValueError, match=r"more than [0-9]+ bytes once it is decompressed"):
        read_unpacked(tmp_path / "a.gz")


def test_a_file_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_bytes(tmp_path / "file", 4)
    assert there_is(tmp_path) and not is_file(tmp_path) and is_file(tmp_path / "file")
    assert not there_is("x" * 5000) and not there_is("a\0b")


@pytest.mark.parametrize("text", ["[" * 10**5, "9" * 5000, b"\xff", "", "[,]"], ids=lambda text: repr(text[:9]))
def test_json_of_which_nothing_can_be_made(text: str | bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        from_json(text)


def test_json_of_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghn.reading.VALUES", 20)
    assert from_json("[" + "0," * 9 + "0]") == [0] * 10
    with pytest.raises(json.JSONDecodeError, match="more than 20 values"):
        from_json("[" + "[],{}," * 9 + "0]")


def _npz(content: bytes, how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as packed:
        packed.writestr("a.npy", content)
    return file.getvalue()


def test_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    file, arrays = io.BytesIO(), {"a": np.arange(6).reshape(2, 3).T, "b": np.array("text"), "c": np.zeros((0, 4))}
    np.savez_compressed(file, **arrays)
    read = read_npz(file.getvalue())
    assert all(
        np.array_equal(read[name], values) and read[name].dtype == values.dtype for name, values in arrays.items()
    )
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    objects = io.BytesIO()
    np.save(objects, np.array([None]), allow_pickle=True)
    wrong = [_npz(header.getvalue() + b"x"), _npz(objects.getvalue()), _npz(b"\0" * (1 << 20), zipfile.ZIP_DEFLATED)]
    monkeypatch.setattr("ghn.reading.SMALL", 10_000)
    damaged = bytearray(file.getvalue())
    damaged[60] ^= 1
    for content in (*wrong, bytes(damaged), b"", b"PK"):
        with pytest.raises(Exception) as raised, reading("x cannot be read"):  # noqa: PT011
            read_npz(content)
        assert type(raised.value) is DataError


@pytest.mark.parametrize(
    "raised", [RecursionError(), MemoryError(), KeyError("a"), OSError(2, "gone"), ValueError("b")]
)
def test_one_guard_for_all(raised: Exception) -> None:
    with pytest.raises(DataError, match="file is damaged") as error, reading("file is damaged", fix="mend it"):
        raise raised
    assert error.value.got and error.value.fix == "mend it" and error.value.__cause__ is raised
    for passes in (GhnError("said already"), KeyboardInterrupt()):
        with pytest.raises(type(passes)) as kept, reading("file is damaged"):
            raise passes
        assert kept.value is passes


def test_flipped_bits_are_said(tmp_path: Path) -> None:
    """81 of 400 of a compressed table were a `zlib.error`; of others digits changed without a word."""
    rng, whole, said = random.Random(0), table(), 0
    for name in ("table.jsonl", "table.jsonl.gz"):
        whole.save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        for _ in range(60):
            flipped = bytearray(content)
            flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            (tmp_path / name).write_bytes(flipped)
            with suppress(DataError):
                assert ReferenceTable.load(tmp_path / name) == whole  # in gzip's header
                continue
            said += 1
    assert said > 90


@pytest.mark.parametrize("change", [{"attrs": {"out": 10**20}}, {"shape": [1 << 40]}, {"inputs": [[]]}, {"op": {}}, 3])
def test_graphs_from_elsewhere(change: Any) -> None:
    graph = SPACE.network(SPACE.sample(random.Random(0))).graph.to_json()
    for node in range(len(graph["nodes"])):
        nodes = list(graph["nodes"])
        nodes[node] = {**nodes[node], **change} if isinstance(change, dict) else change
        with pytest.raises(GhnError):
            Graph.from_json({**graph, "nodes": nodes})
