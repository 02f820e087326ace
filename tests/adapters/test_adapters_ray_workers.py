"""Jobs on a cluster of Ray with three workers of which one is killed; `make test-ray` runs it on all cells."""

from __future__ import annotations

import csv
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray")
from job_cases import keys_for

from ghn.adapters.ray_workers import RayWorkers
from ghn.app.job_keys import ScoreKeys
from ghn.app.jobs import run_job
from ghn.errors import CheckpointError, ConfigError, TrainingError
from ghn.scoring.load import load
from ghn.scoring.score_store import ScoreStore
from ghn.search.references import make_training_judge
from ghn.spaces import NASBench201
from ghn.types import Score, Trial

CELLS = int(os.environ.get("GHN_RAY_CELLS", "240"))  # make test-ray: all 15,625
WORKERS = 3
CHEAP = {"skeletons": "fastest", "sample": {"val": 16, "batch": 16}}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


def score(archs: Path, out: Path, **changes: Any) -> dict[str, tuple[str, ...]]:
    """Runs job=score; what it wrote of each architecture, seconds aside."""
    keys: ScoreKeys = keys_for("score", archs=str(archs), out=str(out), chunk=16, **CHEAP, **changes)
    run_job(keys.model_dump())
    return scores_of(out)


def scores_of(out: Path) -> dict[str, tuple[str, ...]]:
    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["architecture"]: (row["hash"], row["value"], row["std"], row["error"]) for row in rows}
    assert len(found) == len(rows)  # none twice
    return found


def working() -> list[int]:
    """Processes of Ray's that judge a trial now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::_work"):
                found.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return found


def kill_one(store: Path, after: int, killed: list[int]) -> None:
    """Kills a worker in the middle of its work, when so many chunks are done."""
    for _ in range(6000):
        time.sleep(0.05)
        if not store.exists():
            continue
        with closing(sqlite_of(store)) as file:
            (done,) = file.execute("SELECT count(*) FROM chunks WHERE done").fetchone()
        if done >= after and (pids := working()):
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])
            return


def sqlite_of(path: Path) -> Any:
    import sqlite3

    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)


def test_no_score_is_lost_and_none_is_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = NASBench201((3, 16, 16), 10)
    archs = tmp_path / "archs.txt"
    archs.write_text("\n".join(space.format(cell) for cell in islice(space, None, None, len(space) // CELLS)))
    here = score(archs, tmp_path / "here")
    out, write, calls, killed = tmp_path / "ray", ScoreStore.done, list[int](), list[int]()

    def done(store: ScoreStore, chunk: int, scores: Any) -> None:
        calls.append(chunk)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(store, chunk, scores)

    monkeypatch.setattr(ScoreStore, "done", done)
    with pytest.raises(KeyboardInterrupt):  # the driver
        score(archs, out, engine="ray", workers=WORKERS)
    assert not (out / "scores.csv").exists()
    killer = threading.Thread(target=kill_one, args=(out / "scores.sqlite", 4, killed))
    killer.start()
    there = score(archs, out, engine="ray", workers=WORKERS, resume=True)
    killer.join()
    assert killed and there == here and list(there) == list(here) == archs.read_text().splitlines()
    assert len(calls) == len(set(calls)) + 1  # the third chunk alone was written twice, as the driver died over it
    with closing(sqlite_of(out / "scores.sqlite")) as file:
        assert file.execute("SELECT count(*), count(score) FROM networks").fetchone() == (
            n := len({*map(first, here.values())}),
            n,
        )


def first(row: tuple[str, ...]) -> str:
    return row[0]
