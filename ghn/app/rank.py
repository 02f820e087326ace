"""job=rank: candidates, their order compared with trained references; job=rank_all: a whole space, into a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ghn.app.estimators import make_entries
from ghn.app.evaluation import PROTOCOL, compare_with, evaluate, machine
from ghn.app.job_keys import RankAllKeys, RankKeys
from ghn.app.jobs import check_new
from ghn.app.makers.trained import published_history
from ghn.app.setting import Setting, as_list, open_checkpoint
from ghn.errors import ConfigError
from ghn.files import write_atomic
from ghn.report.comparison import print_report, write_report
from ghn.report.model import Report
from ghn.scoring.panel import LIVE_PARAMETERS
from ghn.scoring.processes import choose_workers
from ghn.scoring.racing import CHANCE, LEFT, Race, check_best, has_left
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import choose_ranked, whole_reference
from ghn.spaces.members import live_stats
from ghn.tables.references import aligned
from ghn.text import printable
from ghn.types import Finite, Reference, Score, Space, Trial


def rank_job(setting: Setting, keys: RankKeys) -> None:
    """Scores candidates with estimators and reports their order against references.

    Raises:
        ConfigError: unknown estimators, candidates or references; raised before anything is scored.
        DataError: references do not fit.
        ExistsError: `out` holds results, and `resume` is false.
    """
    which = keys.n, keys.candidates, keys.references
    archs, references, source = choose_ranked(*which, setting.space, setting.task.checksum, twins=keys.twins)
    names = dict.fromkeys(as_list(keys.estimator))
    report = evaluate(
        [entry for name in names for entry in make_entries(name, setting)],
        setting.space,
        archs,
        references,
        keys.out,
        resume=keys.resume,
        bootstrap=keys.bootstrap,
        progress=keys.progress,
        give_up_after=keys.give_up_after,
        metadata={"candidates": f"{len(archs)} of {source}", "task": setting.task.name},
    )
    print_report(report)
    print(f"wrote {keys.out}/report.html, report.json and figures")


COLUMNS = ("rank", "architecture", "value", "std", "live_parameters", "error")
LEFT_COLUMN = "left_after"  # of a race: the last reading of a network that left, "size" for none
SHOWN = 20  # networks in the terminal


def rank_all_job(setting: Setting, keys: RankAllKeys) -> None:
    """Ranks all distinct networks of the space with everything at hand, into `ranking.csv`.

    With `references`, the order of all members that these know is reported beside it, members of one function apart.
    With `best`, a race looks for so many of the best: these alone have a rank.

    Raises:
        ConfigError: the space cannot list its networks, or unknown references; `best` of more networks than there are,
            or beside references, as the others are then not in order.
        DataError: references cannot be used; raised before anything is scored.
        ExistsError: there is a ranking already, and `resume` is false.
    """
    out, space = Path(keys.out), setting.space
    path = out / "ranking.csv"
    check_new(path, "is a ranking", resume=keys.resume)
    if not isinstance(space, Finite):
        raise ConfigError(f"space {space.name} cannot list its networks", fix="rank some of them: Model.rank")
    archs = space.distinct()[: keys.limit]
    if keys.best is not None:
        check_best(keys.best, len(archs))
    reference = whole_reference(keys.references, space, twins=keys.twins) if keys.references else None
    known = {} if reference is None else known_members(space, reference, archs)
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    given = published_history(space, keys.given)
    trials = [Trial(space.format(arch), arch) for arch in archs]
    workers = choose_workers(keys.workers, len(trials), model.fabric)
    ranker = make_ranker(model, task=setting.task, features=keys.features, workers=workers)
    ranker.fit(given)
    if keys.best is None:
        file = out / "scores.jsonl"
        scores = score_to_file(ranker, trials, file, ranker.identity, progress=keys.progress, label="ranking")
    else:
        race = Race(ranker, keys.best, risk=keys.risk, folder=out / "readings", progress=keys.progress)
        scores = race.run(trials)
    write_ranking(path, trials, scores, keys.best)
    print_ranking(trials, scores, min(SHOWN, keys.best or SHOWN))
    if keys.best is not None:
        print_race(scores, keys.best)
    print(f"wrote {path} ({len(trials)} networks, {len(given)} references given)")
    if reference is not None:
        report = report_all(space, reference, known, trials, scores, setting.task.name, bootstrap=keys.bootstrap)
        write_report(report, out, overwrite=True)
        print_report(report)
        print(f"wrote {out}/report.html, report.json and figures")


def known_members(space: Space[Any], reference: Reference, archs: Sequence[Any]) -> dict[str, Hashable]:
    """All members that a reference knows of the functions of some networks, and the key of each one's function.

    Raises:
        DataError: too few to tell an order.
    """
    ranked = {space.canonical(arch) for arch in archs}
    keys = {text: space.canonical(space.parse(text)) for text in reference.values}
    known = {text: key for text, key in keys.items() if key in ranked}
    aligned(reference, list(known))  # fails before anything is scored
    return known


def report_all(
    space: Space[Any],
    reference: Reference,
    keys: Mapping[str, Hashable],
    trials: Sequence[Trial[Any]],
    scores: Sequence[Score],
    task: str,
    *,
    bootstrap: int = 1000,
) -> Report:
    """How all members that a reference knows (`known_members`) are ordered, each by the score of its function."""
    by_key = {space.canonical(trial.arch): score for trial, score in zip(trials, scores, strict=True)}
    archs = list(keys)
    counted = {key: live_stats(space, text) for key, text in {keys[text]: text for text in archs}.items()}
    judged, stats = {"combined": [by_key[keys[text]] for text in archs]}, [counted[keys[text]] for text in archs]
    comparison = compare_with(reference, archs, judged, stats, bootstrap=bootstrap)
    said = f"{len(archs)} members, which compute {len(counted)} functions; those of one have one score"
    return Report(
        (comparison,),
        title="The order of a whole space",
        protocol=PROTOCOL[1:],
        metadata={**machine(), "candidates": said, "task": task},
    )


def print_race(scores: Sequence[Score], best: int) -> None:
    """Prints what a race has cost, and what it may have missed."""
    left = [score for score in scores if has_left(score)]
    failed = sum(not score.ok for score in scores)
    chance = sum(score.extra[CHANCE] for score in left)
    full = len(scores) - len(left) - failed
    print(f"{full} networks were read in full, {len(left)} left early, {failed} failed;", end=" ")
    print(f"expected to be missed: {chance:.2f} of the best {best}; readings took {_seconds(scores):,.0f} s")


def _seconds(scores: Sequence[Score]) -> float:
    return sum(score.cost_seconds for score in scores)


def write_ranking(
    path: Path | str, trials: Sequence[Trial[Any]], scores: Sequence[Score], best: int | None = None
) -> None:
    """Writes a CSV, best first; what could not be judged stands last, without a rank and with the reason.

    Of a race for the `best`, these alone have a rank; a column more says where the others left.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    rows = _rows(trials, scores)
    if best is None:
        writer.writerow(COLUMNS)
        writer.writerows(row for row, _ in rows)
    else:
        writer.writerow((*COLUMNS, LEFT_COLUMN))
        for place, (row, score) in enumerate(rows):
            rank = row[0] if place < best else ""
            writer.writerow((rank, *row[1:], score.extra[LEFT] or "size" if has_left(score) else ""))
    write_atomic(path, table.getvalue())


def print_ranking(trials: Sequence[Trial[Any]], scores: Sequence[Score], most: int) -> None:
    """Prints the best, a line each: official strings do not fit into the columns of a table."""
    print(f"{'rank':>5}  {'value':>7}  {'std':>5}  {'live parameters':>15}  architecture")
    for (rank, arch, value, std, params, error), _ in _rows(trials, scores)[:most]:
        if not error:
            print(f"{rank:>5}  {value:>7.3f}  {std:>5.3f}  {params:>15,.0f}  {printable(arch)}")


def _rows(trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> list[tuple[tuple[Any, ...], Score]]:
    """The rows of a ranking, best first, each with its score."""
    pairs = list(zip(trials, scores, strict=True))
    good = sorted((p for p in pairs if p[1].ok), key=lambda p: -p[1].value)
    rows: list[tuple[tuple[Any, ...], Score]] = [
        ((rank, t.id, s.value, s.std, s.extra.get(LIVE_PARAMETERS), ""), s) for rank, (t, s) in enumerate(good, start=1)
    ]
    return rows + [(("", t.id, "", "", "", s.error), s) for t, s in pairs if not s.ok]
