"""Which networks a survey judges, what is known of them, and on which of them it chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError
from ghn.spaces.candidates import benchmark_of
from ghn.tables.curves import Curves
from ghn.tables.references import ReferenceTable, some_of, table_reference
from ghn.tables.user_table import UserTable
from ghn.types import Reference

# in tables and sentences; the protocol says more
PUBLISHED, OWN = "published accuracies ({label})", "own trainings ({epochs} epochs, {task})"
BRING = "bring yours: references=mine.csv, or train some, ghn references archs=30, and name their table"


@dataclass(frozen=True)
class Subjects:
    """The networks of a survey and their references.

    `scores` are of estimators that the user has run elsewhere: name -> official string -> score (NaN: it failed), and
    `seconds` what they took a network; a name is missing where it is unknown.
    """

    archs: tuple[str, ...]  # official strings, each once
    judged: tuple[Reference, ...]  # with which estimators are compared; one without any is told of, not chosen on
    choosing: Reference  # of the networks on which sets of estimators, and advice, are chosen
    telling: Reference  # of other networks, on which these are told
    table: ReferenceTable | None = None  # trainings with several epochs and seeds, for stability
    curves: Curves | None = None  # learning curves that the user brought, for the same
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what a reader must know of them
    protocol: tuple[str, ...] = ()  # where the references come from, a sentence each


def shipped_subjects(setting: Setting, n: int, development: int) -> Subjects:
    """References that are shipped: published ones, where there are some, and the project's own.

    Of the `n` networks, or of all that there are, those of the `development` sample are chosen on; where too few were
    trained for two samples, halves of them are.

    Raises:
        ConfigError: too few of either, or another space.
        DataError: they were trained on other images or in another skeleton.
    """
    if min(development, n - development) < MIN_ITEMS:
        halved = f"survey.development={n // 2}, or " if n >= 2 * MIN_ITEMS else ""
        raise ConfigError(
            "a survey needs networks to choose on and others to report on",
            got=f"n={n}, survey.development={development}",
            expected=f"at least {MIN_ITEMS} of each: n >= survey.development + {MIN_ITEMS}",
            fix=f"{halved}more networks, or all that there are: n={max(development, MIN_ITEMS) + MIN_ITEMS}",
        )
    if (benchmark := benchmark_of(setting.space)) is None:
        raise ConfigError(
            "no trained networks of this space are shipped",
            got=setting.space.name,
            fix=BRING,
        )
    choosing, reporting = benchmark.samples
    first, report = benchmark.candidates(development, choosing), benchmark.candidates(n - development, reporting)
    published = own = table = None
    with suppress(DataError):  # none are shipped
        published = benchmark.published([*first, *report])
    with suppress(DataError):  # of another task or skeleton
        own, table = benchmark.trained(setting.task.checksum), ReferenceTable.load(benchmark.trainings)
    own_name = OWN.format(epochs=table.header.recipe["epochs"], task=table.header.task) if table else ""
    main, name = (published, PUBLISHED.format(label=benchmark.label)) if published else (own, own_name)
    if main is None:
        raise DataError("no references fit this task and these settings of the space", got=setting.space, fix=BRING)
    if len(first) < MIN_ITEMS and published is None:  # too few were trained for two samples
        return _divided(main.part(report, name), archs=tuple(report), table=table)
    telling = main.part(report, name)
    said = [
        f"{name}: {main.name}; {len(report)} networks of the {reporting} sample. What is chosen is chosen on "
        f"{len(first)} others, of the {choosing} sample."
    ]
    judged = [telling]
    if published and own:
        judged = [own.part(first, own_name), telling]
        said.append(f"{own_name}: {own.name}, in the skeleton in which estimators score.")
    return Subjects(
        (*first, *report),
        tuple(judged),
        main.part(first, f"{name}, {choosing} sample"),
        telling,
        table,
        protocol=tuple(said),
    )


def halves(reference: Reference, seed: int = 0) -> tuple[Reference, Reference]:
    """A reference's networks divided at random: one half to choose on, one to tell.

    Raises:
        DataError: too few networks for two halves.
    """
    archs = list(reference.values)
    if len(archs) < 2 * MIN_ITEMS:
        raise DataError(
            "too few networks to choose on some and report on others", got=len(archs), expected=f">= {2 * MIN_ITEMS}"
        )
    order = np.random.default_rng(seed).permutation(len(archs))
    first = [archs[i] for i in sorted(order[: len(archs) // 2])]
    second = [archs[i] for i in sorted(order[len(archs) // 2 :])]
    chosen_on = reference.part(first, f"{reference.name} (the half chosen on)")
    return chosen_on, reference.part(second, f"{reference.name} (the other half)")


def user_subjects(table: UserTable) -> Subjects:
    """The networks of a table that the user brought; half of them are chosen on, where there are enough."""
    return _divided(
        table.reference(),
        archs=table.archs,
        curves=table.curves,
        scores={name: dict(zip(table.archs, values.tolist(), strict=True)) for name, values in table.scores.items()},
        seconds={name: float(np.nanmean(values)) for name, values in table.seconds.items() if values is not None},
        notes=table.warnings,
    )


def trained_subjects(path: str, setting: Setting, n: int) -> Subjects:
    """The networks of a table that `job=references` wrote, or `n` of them; half are chosen on, where there are enough.

    Raises:
        DataError: it is damaged, or its networks were trained on other images or in another skeleton.
    """
    reference = table_reference(path, setting.space, setting.task.checksum)
    reference = reference.part(some_of(reference, n))
    return _divided(reference, archs=tuple(reference.values), table=ReferenceTable.load(path))


def _divided(reference: Reference, *, notes: Sequence[str] = (), **more: Any) -> Subjects:
    try:
        choosing, telling = halves(reference)
    except DataError as error:
        choosing = telling = reference
        notes = [*notes, f"Chosen and told on the same networks: {error}"]
    return Subjects(judged=(reference,), choosing=choosing, telling=telling, notes=tuple(notes), **more)
