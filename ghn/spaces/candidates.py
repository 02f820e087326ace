"""Which networks are ranked, and against what: those of a space's benchmark, or of a table where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ghn.errors import ConfigError, DataError, meant
from ghn.tables.references import some_of, table_reference
from ghn.tables.user_table import read_user_table
from ghn.types import Benchmark, Benchmarked, Reference, Space

PUBLISHED = "published"  # word of configs: all that a benchmark's authors have trained


def benchmark_of(space: Space[Any]) -> Benchmark | None:
    """The benchmark of a space that has one."""
    return space.benchmark() if isinstance(space, Benchmarked) else None


def publishes(space: Space[Any]) -> bool:
    """Whether accuracies that others published are shipped of a space, not trainings of this project alone."""
    try:
        return (benchmark := benchmark_of(space)) is not None and benchmark.published([]) is not None
    except DataError:
        return False


def known_benchmark(space: Space[Any], got: str | None = None) -> Benchmark:
    """The benchmark of a space; `ConfigError` where it has none, with what it was needed for (`got`)."""
    if (benchmark := benchmark_of(space)) is None:
        from ghn.spaces import CHECKPOINTS  # which imports this module

        judge = "" if space.name in CHECKPOINTS else " estimator=naswot"
        raise ConfigError(
            f"space {space.name} has no candidates and references of its own",
            got=got,
            expected="a space with a benchmark, or a table of trained networks of this one",
            fix=f"order them without any: ghn score archs=30 space={space.name}{judge}; or train some, ghn "
            f"references archs=20 space={space.name}, and name their table, references=outputs/.../references.jsonl; "
            "or one of yours: references=mine.csv (docs/own-table.md)",
        )
    return benchmark


def choose_references(
    name: str, archs: Sequence[str], space: Space[Any], task_checksum: str, *, twins: str = "mean"
) -> list[Reference]:
    """The references of candidates that a config names: a word of the space's benchmark, or the path of a table.

    `twins` says what is done with rows of a user's CSV that compute one function, as in `read_user_table`.

    Raises:
        ConfigError: the benchmark has no such word, or there is no benchmark.
        DataError: a table is damaged, or its networks were trained on other images or in another skeleton. Of a user's
            CSV neither is known.
    """
    if _is_csv(name):
        return [_user_reference(name, space, twins)]
    if Path(name).is_file():
        return [table_reference(name, space, task_checksum)]
    if Path(name).suffix and benchmark_of(space) is None:
        raise ConfigError("there is no such table of references", got=name, fix="check the path")
    benchmark = known_benchmark(space, f"references={name}")
    if name not in benchmark.words:
        expected = " | ".join((*benchmark.words, "the path of a table"))
        raise ConfigError("unknown references", got=name, expected=expected, fix=_meant(name, benchmark.words))
    return benchmark.references(name, archs, task_checksum)


def choose_ranked(
    n: int, sample: str | None, references: str, space: Space[Any], task_checksum: str, *, twins: str = "mean"
) -> tuple[list[str], list[Reference], str]:
    """What is ranked, against what, and where it comes from.

    Args:
        n: candidates.
        sample: of the benchmark, where the space has one; None: the usual one, or the networks of a table.
        references: as in `choose_references`; of a user's CSV, and of another table unless a `sample` is named, the
            networks are ranked, of a larger one `n` that are drawn with a fixed seed.
        space: of the candidates.
        task_checksum: of the images on which references must have been trained.
        twins: as in `choose_references`.

    Raises:
        ConfigError: unknown names, or the space has no benchmark and no table is named.
        DataError: the references were trained on other images or in another skeleton.
    """
    whole = _is_csv(references) or (sample is None and Path(references).is_file())
    if (benchmark := benchmark_of(space)) is not None and not whole:
        sample = sample or benchmark.usual
        archs = benchmark.candidates(n, sample)
        return archs, choose_references(references, archs, space, task_checksum), f"the sample {sample}"
    found = choose_references(references, [], space, task_checksum, twins=twins)
    return some_of(found[0], n), found, references


def _meant(name: str, words: Sequence[str]) -> str:
    """What may have been meant by references that there are not."""
    return meant(name, words) or "check the path: there is no such file"


def _is_csv(name: str) -> bool:
    return name.lower().endswith(".csv") and Path(name).is_file()


def _user_reference(name: str, space: Space[Any], twins: str) -> Reference:
    """The accuracies of a user's CSV, with what a reader must know of it."""
    table = read_user_table(name, space, twins=twins)
    return replace(table.reference(), note=" ".join(table.warnings) or None)


def whole_reference(name: str, space: Space[Any], *, twins: str = "mean") -> Reference:
    """Accuracies of as many members as there are, those of one function apart, wherever and on what they were trained.

    Args:
        name: `published`, of the space's benchmark, or the path of a table (`.jsonl`, or a user's `.csv`).
        space: of the members.
        twins: as in `choose_references`.

    Raises:
        ConfigError: neither.
        DataError: the table is damaged or of another space, or the benchmark has none.
        MissingExtraError: the published table is an extra that is not installed.
    """
    if _is_csv(name):
        return _user_reference(name, space, twins)
    if Path(name).is_file():
        return table_reference(name, space, None)
    if name != PUBLISHED:
        expected = f"{PUBLISHED} | the path of a table"
        raise ConfigError("unknown references", got=name, expected=expected, fix=_meant(name, [PUBLISHED]))
    return known_benchmark(space, f"references={name}").every()
