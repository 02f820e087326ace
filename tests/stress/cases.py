"""Small runs of every job on data of a user's own, and what must be the same of them whatever happened on the way."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from ghn.app.overrides import composed

SMALL = ("space.width=4", "space.depth=1", "progress=false", "threads=1", "device=cpu")
NET = (
    "net.hidden=8",
    "net.layers=1",
    "net.heads=2",
    "net.decoder_hidden=8",
    "net.channels=8",
    "population=0",
    "check=0",
)
STEPS = (
    "trainer.steps=24", "trainer.architectures=2", "trainer.images=8", "trainer.warmup=4", "trainer.save_every=4",
    "trainer.log_every=2", "trainer.check_every=12",
)  # fmt: skip
RECIPE = ("recipe.epochs=2", "recipe.batch_size=16")
LADDER = (  # so much time that all of it is spent on all: what is judged does not follow from times
    "search.seconds=1e6", "search.pool=8", "search.pilot=4",
    "search.steps=[{estimator: synflow},{estimator: low_fidelity, budget: 1},{estimator: low_fidelity, budget: 2}]",
)  # fmt: skip
CHANGES = (
    "second",
    "time",
    "date",
    "created",
    "command",
    "version",
    "machine",
    "pid",
    "host",
    "since",
    "seal",
    "digest",
    "history",  # of a ladder, in which each row holds a time; the rows without it are in its steps
    "advice",  # of a survey: what to use for so many seconds
)
IGNORED = ("tensorboard", ".lock", ".lock.json", "latency.jsonl")


@dataclass(frozen=True)
class Case:
    """A run: its script and the arguments beside those of its folder."""

    name: str
    script: str
    arguments: tuple[str, ...]

    def command(self, out: Path, *, resume: bool) -> list[str]:
        """The arguments of a run into a folder."""
        return [*self.arguments, f"out={out}", f"resume={str(resume).lower()}"]


@cache
def cases(images: Path) -> dict[str, Case]:
    """Every job that writes, by name; `images` is the folder that `make_images` made."""
    task = ("task=image_folder", f"task.root={images}", "task.size=8", *SMALL)
    gone = [
        f"survey.estimators.{name}=null" for name in _survey_estimators() if name not in ("params", "synflow", "meco")
    ]
    survey = ("survey.workers=1", "survey.development=20", "survey.permutations=99", "survey.draws=2", "survey.runs=[]")
    survey = (*survey, "survey.sizes=[0]", "bootstrap=20", "n=40", *gone)
    train, score = (*task, "trainer=demo", *STEPS), (*task, "job=score", "estimator=synflow", "chunk=4")
    found = {
        "training": ("train_ghn.py", (*train, *NET)),
        "bank": ("train_ghn.py", ("weights=oneshot", *task, "trainer=bank", *STEPS, "check=0", "population=0")),
        "enas": (
            "train_ghn.py",
            (
                "weights=enas",
                "weights.every=8",
                "weights.images=4",
                *task,
                "trainer=bank",
                *STEPS,
                "check=0",
                "population=0",
            ),
        ),
        "references": ("evaluate.py", ("job=references", *task, "archs=4", "seeds=[0,1]", *RECIPE)),
        "score": ("evaluate.py", (*score, "archs=60")),
        "rank": ("evaluate.py", (*task, "estimator=[params,synflow]", "n=24", "bootstrap=20")),
        "search": ("evaluate.py", (*task, "search=evolution", "search.estimator=synflow", "search.limit.trials=30")),
        "asha": (
            "evaluate.py",
            (
                *task,
                "search=asha",
                "search.limit.epochs=12",
                "search.estimator=low_fidelity",
                "fidelity.epochs=2",
                *RECIPE,
            ),
        ),
        "ladder": ("evaluate.py", (*task, "search=ladder", *LADDER, *RECIPE)),
        "survey": ("evaluate.py", (*task, "job=survey", *survey)),
    }
    return {name: Case(name, script, arguments) for name, (script, arguments) in found.items()}


def _survey_estimators() -> list[str]:
    return list(composed("evaluate", ["job=survey", "out=here"])["survey"]["estimators"])


def make_images(folder: Path) -> Path:
    """An image folder of two classes, 48 images of 8 x 8."""
    rng = np.random.default_rng(0)
    for i in range(48):
        path = folder / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 128 + 127 * (i % 2), (8, 8, 3), dtype=np.uint8)).save(path)
    return folder


def content(out: Path) -> dict[str, Any]:
    """What is in a folder of results, {file: content}, without what differs from run to run: times and the command."""
    files = [
        path for path in sorted(out.rglob("*")) if path.is_file() and not set(path.relative_to(out).parts) & {*IGNORED}
    ]
    return {
        str(path.relative_to(out)): _content(path) for path in files if not path.name.endswith((".tmp", "-wal", "-shm"))
    }


def _content(path: Path) -> Any:
    match path.suffix:
        case ".json":
            return _same(json.loads(path.read_bytes()))
        case ".jsonl":
            return [_same(json.loads(line)) for line in path.read_bytes().splitlines()]
        case ".safetensors":
            with safe_open(path, "pt") as file:
                tensors = {key: file.get_tensor(key) for key in sorted(file.keys())}
                known = {key: _same(json.loads(text)) for key, text in (file.metadata() or {}).items()}
            digest = {
                key: hashlib.sha256(one.contiguous().view(-1).numpy().tobytes()).hexdigest()
                for key, one in tensors.items()
            }
            return digest | known
        case ".csv":
            rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
            return sorted((_same(row) for row in rows), key=str)
        case ".sqlite":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
                return base.execute("PRAGMA integrity_check").fetchone()
        case _:
            return "a page or a picture"  # of numbers that stand in a .json beside it


def _same(value: Any) -> Any:
    """Without the keys whose values differ from run to run; a line's own checksum among them."""
    if isinstance(value, Mapping):
        changing = {key for key in value if key == "crc" or any(word in key.lower() for word in CHANGES)}
        return {key: _same(one) for key, one in value.items() if key not in changing}
    return [_same(one) for one in value] if isinstance(value, list) else value


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The names of the files that differ."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
