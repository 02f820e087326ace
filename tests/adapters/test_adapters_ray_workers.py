"""Jobs on a cluster of Ray with three workers of which one is killed; `make test-ray` runs it on all cells."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("ray.data")
import ray
from job_cases import keys_for

from ghn.adapters import ray_workers
from ghn.adapters.ray import Scorer
from ghn.adapters.ray_cluster import connect
from ghn.adapters.ray_workers import RayWorkers
from ghn.app.job_keys import ScoreKeys
from ghn.app.jobs import run_job
from ghn.errors import CheckpointError, ConfigError, TrainingError
from ghn.scoring.load import load
from ghn.scoring.readouts import Sample
from ghn.scoring.score_store import ScoreStore
from ghn.spaces import NASBench201
from ghn.types import Score, Trial

CELLS = int(os.environ.get("GHN_RAY_CELLS", "120"))  # make test-ray: all 15,625
WORKERS = 3
CHUNK, KILL = (8, 5) if CELLS < 1000 else (64, 40)  # networks a chunk; chunks after which a worker is killed
CHEAP = {"skeletons": "fastest", "sample": {"val": 16, "batch": 16}}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not find the folder of the tests
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


def score(archs: Path, out: Path, **changes: Any) -> dict[str, tuple[str, ...]]:
    """Runs job=score; what it wrote of each architecture, seconds aside."""
    keys: ScoreKeys = keys_for("score", archs=str(archs), out=str(out), chunk=CHUNK, **CHEAP, **changes)
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


def kill_one() -> int:
    """Kills a worker in the middle of its work."""
    for _ in range(100):
        if pids := working():
            os.kill(pids[0], signal.SIGKILL)
            return pids[0]
        time.sleep(0.01)
    raise AssertionError("no worker works")


def test_no_score_is_lost_and_none_is_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = NASBench201((3, 16, 16), 10)
    texts = [space.format(cell) for cell in Random(0).sample(list(space), CELLS)]
    archs, out, write, calls, killed = (
        tmp_path / "archs.txt",
        tmp_path / "ray",
        ScoreStore.done,
        list[int](),
        list[int](),
    )
    archs.write_text("\n".join(texts))
    here = score(archs, tmp_path / "here")

    def done(store: ScoreStore, chunk: int, scores: Any) -> None:
        calls.append(chunk)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(store, chunk, scores)
        if len(calls) == KILL:
            killed.append(kill_one())

    monkeypatch.setattr(ScoreStore, "done", done)
    with pytest.raises(KeyboardInterrupt):  # the driver
        score(archs, out, engine="ray", workers=WORKERS)
    assert not (out / "scores.csv").exists()
    begun = time.perf_counter()
    there = score(archs, out, engine="ray", workers=WORKERS, resume=True)
    seconds = time.perf_counter() - begun
    assert there == here and list(there) == list(here) == texts
    networks = len({hashed for hashed, *_ in here.values()})
    assert sorted(calls) == sorted([*range(1, max(calls) + 1), calls[2]])  # what the driver died over was done again
    with closing(ScoreStore(out / "scores.sqlite", identity_in(out))) as store:
        assert store.counts() == (CELLS, networks, networks, 0) and not store.waiting()
    print(f"{CELLS} cells, {networks} networks, {max(calls)} chunks, worker {killed} killed, {seconds:.0f} s")


def identity_in(out: Path) -> Any:
    with closing(sqlite3.connect(out / "scores.sqlite")) as file:
        return json.loads(file.execute("SELECT identity FROM about").fetchone()[0])


def dies(trial: Trial[Any], parent: Trial[Any] | None) -> Score:
    os._exit(1)


def make_dying() -> Any:
    return dies


def make_scorer(checkpoint: str) -> Any:
    Scorer(checkpoint)


def test_what_a_worker_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = RayWorkers(partial(make_scorer, str(tmp_path / "gone.safetensors")), 1)
    workers.submit(Trial("chunk 1", None), None)
    with pytest.raises(CheckpointError, match=r"(?s)a worker on .*gone\.safetensors") as caught:
        workers.wait()
    assert type(caught.value) is CheckpointError
    monkeypatch.setattr(ray_workers, "RETRIES", 0)
    workers = RayWorkers(make_dying, 1)
    workers.submit(Trial("chunk 2", None), None)
    with pytest.raises(TrainingError, match=r"judged chunk 2 died, 1 in a row"):
        workers.wait()
    with pytest.raises(ConfigError, match="a cluster of 3"):
        RayWorkers(make_dying, 4)
    with pytest.raises(ConfigError, match=r"no Ray cluster answers\n .*127\.0\.0\.1:1: "):
        connect("127.0.0.1:1", 1)


def test_a_search_runs_there(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for out, engine in ((there, "ray"), (here, "local")):
        search = {"name": "random", "estimator": "params", "workers": 1}
        keys = keys_for("search", "search.limit.trials=4", out=str(out), engine=engine, search=search)
        run_job(keys.model_dump())
    found = [json.loads((out / "search.json").read_text())["best"] for out in (there, here)]
    assert found[0] == found[1]


@pytest.mark.skipif(
    CELLS < 1000, reason="make test-ray: Ray Data starts processes of its own; its batches are tested above"
)
def test_a_parquet_file_is_scored(tmp_path: Path) -> None:
    space = NASBench201((3, 16, 16), 10)
    texts = [space.format(cell) for cell in Random(0).sample(list(space), 6)] + ["|fft~0|"]
    ray.data.from_items([{"architecture": text, "number": i} for i, text in enumerate(texts)]).write_parquet(
        str(tmp_path / "in")
    )
    how = {"skeletons": "fastest", "sample": Sample(val=16, batch=16)}
    rows = ray.data.read_parquet(str(tmp_path / "in"))
    rows.map_batches(Scorer, batch_size=4, concurrency=1, fn_constructor_kwargs=how).write_parquet(
        str(tmp_path / "out")
    )
    found = {row["architecture"]: row for row in ray.data.read_parquet(str(tmp_path / "out")).take_all()}
    scores = load(device="cpu").score(texts, **how)
    assert {text: found[text]["value"] for text in texts[:-1]} == {
        text: pytest.approx(score.value, rel=1e-5) for text, score in zip(texts, scores, strict=True) if score.ok
    }
    assert math.isnan(found["|fft~0|"]["value"]) and found["|fft~0|"]["error"] and len(found) == 7
    with pytest.raises(Exception, match="no column 'architecture'"):
        rows.drop_columns(["architecture"]).map_batches(Scorer, concurrency=1, fn_constructor_kwargs=how).take_all()
