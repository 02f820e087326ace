"""Coverage-guided fuzzing of all that reads a file or a text: whatever it holds, a `GhnError` or a value, no more.

`python -m tests.stress.fuzz READER --seconds 60 --corpus FOLDER`, in a process of its own, which libFuzzer ends.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
MEMORY = 1024  # MiB that a process may hold, some 500 of them PyTorch's
SHM = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
SPACES = ("nasbench201", "nasbench101", "darts", "macro", "nats_size", "vit", "deepnets")


@dataclass(frozen=True)
class Reader:
    """What reads the files of an ending, and files that it takes."""

    suffix: str
    read: Callable[[Path], Any]
    seeds: Callable[[], list[bytes]]


def _readers() -> Mapping[str, Reader]:
    import numpy as np
    from safetensors.numpy import save

    from ghn.app.overrides import check_overrides
    from ghn.files import JsonLines
    from ghn.graph.ir import Graph
    from ghn.report import read_report
    from ghn.spaces import make_space
    from ghn.spaces.lists import read_architectures
    from ghn.tables.csv import read_curves_csv
    from ghn.tables.pickles import restricted_load
    from ghn.tables.references import ReferenceTable
    from ghn.tables.tfrecords import masked_crc, read_records
    from ghn.tables.user_table import read_user_table
    from ghn.tasks.embedded import read_embedded
    from ghn.train.checkpoint import load_tensors

    spaces = {name: make_space(name, input_shape=(3, 16, 16), classes=10) for name in SPACES}

    strings = {name: [space.format(space.sample(Random(i))) for i in range(3)] for name, space in spaces.items()}
    cells = spaces["nasbench201"]
    table = (ROOT / "data/references/embedded_seeds.jsonl").read_bytes().splitlines(keepends=True)[:3]
    old = [b"".join(table)]
    rows = "arch,test_accuracy\n" + "".join(f"{text},0.{i}\n" for i, text in enumerate(strings["nasbench201"]))
    plain = {"a": [1, 2.5, "x", None], "b": {"c": (True, b"y")}, "d": np.arange(4, dtype=np.float32)}
    array = io.BytesIO()
    np.savez_compressed(array, a=np.arange(5), b=np.ones((2, 3)))
    record = b"some data"
    head = struct.pack("<Q", len(record))
    tf = head + struct.pack("<I", masked_crc(head)) + record + struct.pack("<I", masked_crc(record))
    graph = json.dumps(
        cells.network(strings["nasbench201"][0] and cells.parse(strings["nasbench201"][0])).graph.to_json()
    )
    header = json.dumps({"schema": "a/1", "identity": {}})
    tensors = save({"a": np.ones((2, 2), np.float32)}, {"ghn": json.dumps({"kind": "ghn", "card": {}})})
    parse = {
        f"string_{name}": Reader(
            ".txt", lambda p, s=space: s.parse(_text(p)), lambda n=name: [t.encode() for t in strings[n]]
        )
        for name, space in spaces.items()
    }

    def overrides(path: Path) -> Any:
        return check_overrides("evaluate", _text(path).split("\n"))

    return {
        "references": Reader(".jsonl", ReferenceTable.load, lambda: old),
        "references_gz": Reader(".jsonl.gz", ReferenceTable.load, lambda: [gzip.compress(one) for one in old]),
        "lines": Reader(
            ".jsonl",
            lambda p: JsonLines(p, "a/1", {}, "rows").close(),
            lambda: [f'{header}\n{{"a": 1}}\n'.encode(), b""],
        ),
        "csv": Reader(".csv", lambda p: read_user_table(p, cells), lambda: [rows.encode()]),
        "curves": Reader(".csv", read_curves_csv, lambda: [b"1,2,3\n0.1,0.2,0.3\n0.2,0.3,0.4\n"]),
        "records": Reader(".tfrecord", lambda p: list(read_records(p)), lambda: [tf, tf * 2]),
        "pickle": Reader(".pickle", restricted_load, lambda: [pickle.dumps(plain, n) for n in range(2, 6)]),
        "pickle_bz2": Reader(".pbz2", restricted_load, lambda: [bz2.compress(pickle.dumps(plain, 4))]),
        "embedded": Reader(".npz", lambda p: read_embedded(p, None), lambda: [array.getvalue()]),
        "checkpoint": Reader(".safetensors", load_tensors, lambda: [tensors]),
        "report": Reader(
            ".json", read_report, lambda: [b'{"schema": "ghn.report/1", "comparisons": []}', b"1", b"null"]
        ),
        "graph": Reader(".json", lambda p: Graph.from_json(_text(p)), lambda: [graph.encode()]),
        "list": Reader(
            ".txt", lambda p: read_architectures(p, cells), lambda: ["\n".join(strings["nasbench201"]).encode()]
        ),
        "list_json": Reader(
            ".json", lambda p: read_architectures(p, cells), lambda: [json.dumps(strings["nasbench201"]).encode()]
        ),
        "genotypes": Reader(
            ".py",
            lambda p: read_architectures(p, spaces["darts"]),
            lambda: ["\n".join(f"net{i} = {t}" for i, t in enumerate(strings["darts"])).encode()],
        ),
        "overrides": Reader(
            ".txt", overrides, lambda: [b"n=5\nestimator=[params]", b"search=random", b"space.depth=2"]
        ),
        **parse,
    }


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def names() -> list[str]:
    """The names of all readers."""
    return list(_readers())


def main() -> None:
    """Fuzzes one reader until its time or runs are spent; what it finds is kept beside the corpus."""
    import atheris

    parser = argparse.ArgumentParser()
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--corpus", type=Path, required=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["ghn"], enable_loader_override=False):
        reader = _readers()[asked.reader]
    from ghn.errors import GhnError

    asked.corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds()):
        (asked.corpus / f"seed{number}").write_bytes(seed)
    path = SHM / f"ghn-fuzz-{os.getpid()}{reader.suffix}"

    def once(data: bytes) -> None:
        path.write_bytes(data)
        try:
            reader.read(path)
        except GhnError as error:
            str(error).encode()  # can be shown wherever it goes

    limits = [f"-max_total_time={asked.seconds}", f"-runs={asked.runs}", f"-rss_limit_mb={MEMORY}", "-timeout=20"]
    finds = asked.corpus.with_name(asked.corpus.name + "-found-")
    atheris.Setup([sys.argv[0], *limits, "-max_len=20000", f"-artifact_prefix={finds}", str(asked.corpus)], once)
    try:
        atheris.Fuzz()
    finally:
        path.unlink(missing_ok=True)


def unguided(rng: Random, each: int = 100) -> dict[str, Any]:
    """Every reader in this process, with a few bytes of each seed changed, cut out or doubled at random."""
    from ghn.errors import GhnError

    wrong, inputs = list[str](), 0
    for name, reader in _readers().items():
        path = SHM / f"ghn-fuzz-{os.getpid()}{reader.suffix}"
        for seed in reader.seeds():
            for _ in range(each):
                path.write_bytes(_changed(seed, rng))
                inputs += 1
                try:
                    reader.read(path)
                except GhnError as error:
                    str(error).encode()
                except Exception:
                    kept = path.rename(path.with_name(f"ghn-found-{name}-{inputs}{reader.suffix}"))
                    wrong.append(f"{name}: {kept}\n{traceback.format_exc()}")
        path.unlink(missing_ok=True)
    return {"told": f"{inputs:,} inputs", "wrong": wrong}


def _changed(data: bytes, rng: Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        at, length = rng.randrange(len(data) + 1), rng.randint(1, 8)
        middle = rng.choice((rng.randbytes(length), b"", data[at : at + length] * 2, b"9" * 400, b"[" * 2000, b"\xff"))
        data = data[:at] + middle + data[at + rng.choice((0, length)) :]
    return data


def fuzz(reader: str, folder: Path, *, seconds: int = 60, runs: int = -1) -> tuple[int, str | None]:
    """Fuzzes a reader in a process of its own.

    Returns:
        How many inputs it was given, and what was found, or None.
    """
    command = [sys.executable, "-m", "tests.stress.fuzz", reader, "--corpus", str(folder / reader)]
    command += ["--seconds", str(seconds), "--runs", str(runs)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, errors="replace", timeout=seconds + 300
    )
    said = done.stdout + done.stderr
    counts = [
        int(line.split()[0].lstrip("#"))
        for line in said.splitlines()
        if line.startswith("#") and line.split()[0][1:].isdigit()
    ]
    return max(counts, default=0), None if done.returncode == 0 else said[-3000:]


if __name__ == "__main__":
    main()
