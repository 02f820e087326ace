"""How well everything orders the networks of any space whose accuracies are known, with 0, 20 and 50 references.

Two tables: networks to develop with, from which references and what is usual are drawn, and others that are ranked.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from ghn.analysis.correction import LEAST
from ghn.app.evaluation import check_folder, evaluate
from ghn.app.setting import Setting, open_checkpoint
from ghn.assets import here_or_shipped
from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.report.comparison import print_report
from ghn.spaces.candidates import known_benchmark, whole_reference
from ghn.spaces.trained import TrainedBenchmark
from ghn.tables.references import some_of
from ghn.types import Benchmark, Benchmarked, Reference, Space, Task
from studies.readings import Readings, print_spread, spread_over_draws
from studies.run import run_study, write_json

ACCURACY = "test_accuracy"  # columns that begin so are trainings of a network
PLACES = (("arch",), ("blocks",), ("edges", "operations"))  # columns that together say which network


def ranking_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Reads both tables' networks once with every checkpoint, then ranks those of the second in many ways.

    Raises:
        ConfigError: no draws.
        DataError: a table cannot be used.
        ExistsError: the folder holds results.
    """
    folder, space, plan = Path(options["out"]), setting.space, options["ranking"]
    check_folder(folder, resume=options["resume"])
    if plan["draws"] < 1:
        raise ConfigError("draws of references must be at least 1", got=plan["draws"])
    development, others = tables_of(setting, plan)
    pool = part_of(development, plan["pool"])
    if too_many := [size for size in plan["sizes"] if size > len(pool.values)]:
        there = f"{len(pool.values)} networks are there to draw from"
        print(f"{space.name}: of {too_many} references nothing is told, as {there}")
    sizes = [size for size in plan["sizes"] if size not in too_many]
    taught = {space.canonical(space.parse(text)) for text in pool.values}
    others = others.part(text for text in others.values if space.canonical(space.parse(text)) not in taught)
    judged = part_of(others, plan["n"])
    kept = judged.values
    how: dict[str, Any] = {"proxies": plan["proxies"], "progress": options["progress"]}
    runs = [
        Readings(
            open_checkpoint(setting, checkpoint)[1],
            setting,
            pool.values,
            [*pool.values, *kept],
            folder / "members" / str(number),
            **how,
        )
        for number, checkpoint in enumerate(setting.checkpoints)
    ]
    page = evaluate(
        runs[0].alone() + [entry for size in sizes for entry in runs[0].entries(size, draw=0)],
        space,
        list(kept),
        [judged],
        folder / "report",
        resume=options["resume"],
        bootstrap=options["bootstrap"],
        progress=False,
        metadata={"candidates": f"{len(kept)} of {others.name}", "checkpoints": list(setting.checkpoints)},
    )
    print_report(page)
    spread = spread_over_draws(runs, kept, sizes, plan["draws"])
    write_json(folder / "spread.json", spread)
    print_spread(spread, len(runs), plan["draws"])
    print(f"wrote {folder}/report/report.html, report.json and {folder}/spread.json")


def tables_of(setting: Setting, plan: Mapping[str, Any]) -> tuple[Reference, Reference]:
    """The networks to develop with and those to report on: of the tables given, else what is shipped of the space.

    Raises:
        ConfigError: one of the two is not given, or neither and the space has no benchmark.
        DataError: a table cannot be used.
    """
    space, given = setting.space, [plan[name] for name in ("development", "report")]
    if plan["trained"]:
        return samples_of(TrainedBenchmark(space, here_or_shipped(plan["trained"])), setting.task)
    if all(given):
        return read_accuracies(given[0], space), read_accuracies(given[1], space)
    if any(given) or not isinstance(space, Benchmarked):
        missing = " and ".join(f"ranking.{name}" for name in ("development", "report") if not plan[name])
        raise ConfigError(f"{missing} must be given", expected="tables of trained networks")
    return samples_of(space.benchmark(), setting.task)


def samples_of(known: Benchmark, task: Task) -> tuple[Reference, Reference]:
    """The networks of a benchmark to develop with and those to report on."""
    development, report = (known.sample(name, task.checksum) for name in known.samples)
    return development, report


def read_accuracies(path: str, space: Space[Any]) -> Reference:
    """A table of trained networks: one that `job=references` wrote, or a CSV of published accuracies.

    A CSV says in `arch`, in `blocks` or in `edges` and `operations` which network a line is of, and in each column that
    begins with `test_accuracy` what a training of it reached, a fraction. Lines of one network are trainings of it.

    Raises:
        DataError: no such file, or not such a table; says the line.
    """
    if path.endswith(".jsonl"):
        return whole_reference(path, space)
    try:
        rows = list(csv.DictReader(Path(path).read_text().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        expected = "a .jsonl or .csv file"
        raise DataError("a table of accuracies cannot be read", got=str(error), expected=expected) from None
    seeds_of: dict[str, list[float]] = {}
    for line, row in enumerate(rows, start=2):
        try:
            place = next(names for names in PLACES if all(row.get(name) for name in names))
            text = space.format(space.parse(",".join(row[name] for name in place)))
            trained = [float(value) for name, value in row.items() if name.startswith(ACCURACY)]
            if not trained or not all(0 <= value <= 1 for value in trained):
                raise ValueError(f"no {ACCURACY}, or none from 0 to 1")
            seeds_of.setdefault(text, []).extend(trained)
        except (StopIteration, ValueError, TypeError, ArchitectureError) as error:
            what = f"{path}, line {line}: not a trained network of space {space.name}"
            raise DataError(what, got=str(error)) from None
    several = {text: values for text, values in seeds_of.items() if len(values) > 1}
    return Reference(path, "test accuracy", {text: fmean(seeds) for text, seeds in seeds_of.items()}, several)


def development_of(setting: Setting, table: str | None, n: int | None) -> Reference:
    """The networks to develop with, `n` of them: of the table given, else those that are shipped of the space.

    Raises:
        ConfigError: too few to tell what is usual, or none is given and the space has none.
        DataError: the table cannot be used.
    """
    if table:
        found = read_accuracies(table, setting.space)
    else:
        found = samples_of(known_benchmark(setting.space, "no table"), setting.task)[0]
    if len((taken := part_of(found, n)).values) < LEAST:
        got = f"{len(taken.values)}, {found.name}"
        raise ConfigError("too few networks of known accuracy", got=got, expected=f"at least {LEAST}, of a table")
    return taken


def part_of(reference: Reference, n: int | None) -> Reference:
    """So many networks of a table, drawn with a fixed seed; None, or more than there are: all."""
    return reference if n is None else reference.part(some_of(reference, n))


if __name__ == "__main__":
    run_study("ranking", ranking_study)
