"""job=score: any number of architectures, each distinct network once, into a table; on one machine or many."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from heapq import nlargest
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

from ghn.app.engines import make_workers
from ghn.app.estimators import make_entries
from ghn.app.job_keys import ScoreKeys
from ghn.app.jobs import check_new
from ghn.app.setting import Setting, build_setting, task_space
from ghn.assets import here_or_shipped
from ghn.errors import ArchitectureError, ConfigError, DataError, EstimatorError
from ghn.files import replacing
from ghn.scoring.score_store import ScoreStore
from ghn.search.score_all import check_alone, make_chunk_judge, score_all
from ghn.search.workers import Judge, ending
from ghn.spaces import SPACES, describe_space
from ghn.spaces.lists import EXPECTED, stream_architectures
from ghn.text import one_line
from ghn.types import Estimator, Finite, Space

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

COLUMNS = ("architecture", "hash", "value", "std", "seconds", "error")
ALL = "all"
SHOWN, LINE = 10, 200  # candidates in the terminal, and characters of each


def score_job(setting: Setting, keys: ScoreKeys) -> None:
    """Scores architectures into `scores.sqlite`, and writes `scores.csv` when all are done.

    Raises:
        ConfigError: an estimator that judges candidates by one another; a space that cannot be listed; an engine that
            does not answer.
        DataError: no list of architectures, or others than those that were begun with.
        ExistsError: there are scores already, and `resume` is false.
        EstimatorError: not one could be scored; the table says why of each.
    """
    out, started = Path(keys.out), time.perf_counter()
    candidates = _begun(candidates_of(setting.space, keys.archs), keys.archs)
    estimator = _estimator(setting, keys.estimator)
    path = out / "scores.sqlite"
    check_new(path, "are scores", resume=keys.resume)
    identity = {"estimator": estimator.identity, "space": describe_space(setting.space)}
    workers = make_workers(partial(_make_judge, keys.model_dump()), keys.workers, keys, waiting=keys.workers)
    with ending(workers), closing(ScoreStore(path, identity)) as store:
        before = store.counts().scored
        how: dict[str, Any] = {"progress": keys.progress, "give_up_after": keys.give_up_after}
        score_all(candidates, setting.space, store, workers, chunk=keys.chunk, **how)
        write_scores(out / "scores.csv", store)
        known = store.counts()
        repeats = store.read().upto - known.candidates
        first = next(store.scored(), None) if known.failed == known.candidates else None
        print_best(store, f"{keys.estimator}", failures=known.failed > 0)
    seconds = time.perf_counter() - started
    print(
        f"wrote {out}/scores.csv: {known.candidates} architectures"
        f"{f' ({repeats} repeats are left out)' if repeats else ''}, {known.failed} of them failed; {known.networks} "
        f"distinct networks, {known.scored - before} of them scored in this run, in {seconds:.0f} s; this process held "
        f"{_peak():.0f} MiB at most"
    )
    if first is not None:
        fix = f"see {out}/scores.csv; archs= is a list of architectures of the space {setting.space.name}"
        if others := _spaces_of(first.architecture, setting):
            fix += f"; the first is one of {' or of '.join(f'space={name}' for name in others)}"
        raise EstimatorError(
            f"all {known.candidates} architectures failed", got=f"the first: {first.score.error}", fix=fix
        )


def _spaces_of(architecture: str, setting: Setting) -> list[str]:
    """The other spaces in which a text is an architecture, by name."""
    found = []
    for name in SPACES:
        if name != setting.space.name:
            with suppress(ArchitectureError, ConfigError):  # a space may not fit the images
                task_space({"name": name}, setting.task).parse(architecture)
                found.append(name)
    return found


def write_scores(path: Path | str, store: ScoreStore) -> None:
    """Writes all candidates of a store in their order as CSV, without holding them in memory."""
    with replacing(path) as binary:
        text = io.TextIOWrapper(binary, "utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for architecture, hashed, score in store.scored():
            value = score.value if score.ok else None
            writer.writerow((architecture, hashed, value, score.std, score.cost_seconds, score.error))
        text.detach()


def print_best(store: ScoreStore, name: str, *, failures: bool) -> None:
    """Prints the best candidates, a line each, and whose values they are; no more than these are held in memory."""
    best = nlargest(SHOWN, (one for one in store.scored() if one.score.ok), key=lambda one: one.score.value)
    if best:
        print(f"{'':>4}  {'value':>10}  architecture")
    for place, one in enumerate(best, start=1):
        print(f"{place:>4}  {one.score.value:>10.4g}  {one_line(one.architecture, LINE)}")
    print(f"value: of estimator={name}, higher is better (docs/scoring.md)")
    if failures:  # or all of a large table would be gone through to find none
        failed = next(one for one in store.scored() if not one.score.ok)
        print(f"failed: {one_line(failed.architecture, LINE)}: {one_line(f'{failed.score.error}', LINE)}")


def candidates_of(space: Space[Any], archs: str | int) -> Iterator[str]:
    """What `archs` names, one after the other: the architectures of a file, so many drawn at random, or `all`.

    Raises:
        ConfigError: all of a space that cannot list its networks.
        DataError: no list of architectures; when the first is asked for.
    """
    if isinstance(archs, int):
        rng = Random("score")
        return (space.format(space.sample(rng)) for _ in range(archs))
    if archs != ALL:
        return stream_architectures(here_or_shipped(archs), space)
    if not isinstance(space, Finite):
        raise ConfigError(f"space {space.name} cannot list its networks", fix="archs=FILE, or a number of them")
    return map(space.format, space.distinct())


def _begun(candidates: Iterator[str], archs: str | int) -> Iterator[str]:
    """The same, of which the first has been asked for: what is no list of architectures is said at once."""
    if not (first := list(islice(candidates, 1))):
        fix = "write architectures of the space into it, one a line"
        raise DataError("there is nothing to score", got=f"archs={archs}, which is empty", expected=EXPECTED, fix=fix)
    return chain(first, candidates)


def _estimator(setting: Setting, name: str) -> Estimator[Any]:
    entries = make_entries(name, setting)
    if len(entries) > 1:
        got = [entry.name for entry in entries]
        raise ConfigError("job=score has one estimator", got=got, fix="one checkpoint=, one readout=")
    check_alone(entries[0].estimator)
    return entries[0].estimator


def _make_judge(options: Mapping[str, Any]) -> Judge:
    """The judge of a worker, made anew there."""
    setting = build_setting(options)
    return make_chunk_judge(lambda: (_estimator(setting, options["estimator"]), setting.space))


def _peak() -> float:
    """The most memory that this process has held, in MiB."""
    if resource is None:
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10
