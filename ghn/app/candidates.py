"""Which networks are judged, and what is known of them: the shipped references and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.assets import asset
from ghn.errors import ConfigError, DataError
from ghn.spaces.nasbench201.published import distinct_references, read_analog_nasbench
from ghn.spaces.nasbench201.samples import load_sample, load_twins
from ghn.tables.references import ReferenceTable

EMBEDDED = "data/references/embedded.jsonl"
SAMPLES = ("development", "report")
GROUPS = ("embedded-random", "embedded-top", "random")
# standard deviation of a published accuracy: cells of one function differ by 0.19 points on average, and the mean
# difference of two normal draws is 1.128 of their deviations
PUBLISHED_NOISE = 0.0019 / 1.128
REFERENCES = ("embedded", "nasbench201")
SAMPLED = "nasbench201"  # the space whose samples and references are shipped


@dataclass(frozen=True)
class Reference:
    """Trained accuracies of networks.

    Attributes:
        name: in a report.
        unit: of the values.
        values: official string -> accuracy, a fraction.
        seeds: official string -> accuracies of several trainings, for the ceiling; those trained once are missing.
        note: what a reader must know.
        noise: standard deviation of a value over trainings, where it is known otherwise than from `seeds`.
    """

    name: str
    unit: str
    values: Mapping[str, float]
    seeds: Mapping[str, Sequence[float]]
    note: str | None = None
    noise: float | None = None


def choose_candidates(n: int, sample: str, space: Any) -> list[str]:
    """The first `n` official strings of a fixed, random order of distinct networks, so that few stand for many.

    `development` begins with the 96 embedded references (80 random ones, then 16 of the published top), goes on with
    the rest of the development sample and then with functions of neither sample; `report` is the report sample alone.

    Raises:
        ConfigError: unknown sample, or more candidates than there are.
    """
    if sample not in SAMPLES:
        raise ConfigError("unknown sample of candidates", got=sample, expected=" | ".join(SAMPLES))
    chosen = load_sample(sample)
    archs = [arch for group in GROUPS for arch in chosen.archs(group)]
    if sample == "development" and isinstance(n, int) and n > len(archs):
        taken = {space.canonical(space.parse(a)) for s in SAMPLES for a in load_sample(s).archs()}
        rest = [a for a in space.distinct() if space.canonical(a) not in taken]
        order = np.random.default_rng(0).permutation(len(rest))
        archs += [space.format(rest[i]) for i in order]
    if not isinstance(n, int) or not 1 <= n <= len(archs):
        raise ConfigError(f"the sample {sample} cannot give so many candidates", got=n, expected=f"1 to {len(archs)}")
    return archs[:n]


def embedded_reference(task_checksum: str, space: Any, path: Path | str | None = None) -> Reference:
    """Trained references from a table of `train_references`: the project's own on the embedded task, or another.

    Raises:
        DataError: they are missing, or were trained on other images or in another skeleton.
    """
    table = ReferenceTable.load(asset(EMBEDDED) if path is None else path)
    table.check(space=space.name, task_checksum=task_checksum, skeleton=space.describe())
    archs, seeds = table.seeds("test_accuracy")
    name, note = f"references in {path}", None
    if path is None:
        name, note = "embedded references", "16 of the 96 were picked from the top of the published table"
    return Reference(
        f"{name}: {table.header.recipe.get('epochs')} epochs of training on {table.header.task}",
        "test accuracy",
        table.value("test_accuracy"),
        dict(zip(archs, seeds.tolist(), strict=True)),
        note,
    )


def published_reference(archs: Sequence[str], space: Any) -> Reference:
    """Published accuracies after 200 epochs of the full skeleton, mean over the cells of a function.

    Taken from the shipped samples where these hold all `archs`, else from the full table (extra `nasbench`).

    Raises:
        MissingExtraError: the full table is needed and not installed.
    """
    known: dict[str, float] = {}
    for sample in SAMPLES:
        known |= load_sample(sample).accuracy
    if any(arch not in known for arch in archs):
        full = distinct_references(space, read_analog_nasbench())
        by_key = {space.canonical(space.parse(arch)): value for arch, value in full.items()}
        known = {arch: by_key[space.canonical(space.parse(arch))] for arch in archs}
    wanted = set(archs)
    twins = {arch: pair for arch, pair in load_twins().items() if arch in wanted}
    twins = twins if len(twins) >= MIN_ITEMS else {}  # fewer are no ceiling
    return Reference(
        "NAS-Bench-201, published: CIFAR-10, 200 epochs, full skeleton",
        "test accuracy",
        {arch: known[arch] for arch in archs},
        twins,
        "the ceiling is of networks that two cells of the table compute: fewer operations than most" if twins else None,
        noise=PUBLISHED_NOISE,
    )


def choose_references(name: str, archs: Sequence[str], space: Any, task_checksum: str) -> list[Reference]:
    """The references that a config names: `embedded`, `nasbench201`, `all` that fit, or the path of a table.

    Args:
        name: which.
        archs: official strings of the candidates.
        space: of the candidates.
        task_checksum: of the images on which references must have been trained.

    Raises:
        ConfigError: unknown name.
        DataError: they were trained on other images or in another skeleton.
    """
    if Path(name).is_file():
        return [embedded_reference(task_checksum, space, name)]
    if name != "all" and name not in REFERENCES:
        raise ConfigError(
            "unknown references", got=name, expected=" | ".join((*REFERENCES, "all", "the path of a table"))
        )
    found = []
    if name in ("embedded", "all"):
        try:
            found.append(embedded_reference(task_checksum, space))
        except DataError:
            if name == "embedded":
                raise  # with `all`, another task or skeleton has the published references alone
    if name in ("nasbench201", "all"):
        found.append(published_reference(archs, space))
    return found


def choose_ranked(
    n: int, sample: str, references: str, space: Any, task_checksum: str
) -> tuple[list[str], list[Reference], str]:
    """What is ranked, against what, and where it comes from: the fixed samples, or a table where a space has none.

    Args:
        n: candidates.
        sample: as in `choose_candidates`.
        references: as in `choose_references`.
        space: of the candidates.
        task_checksum: of the images.

    Raises:
        ConfigError: as these do, or the space has no sample and no table is named.
        DataError: the references were trained on other images or in another skeleton.
    """
    if space.name == SAMPLED:
        archs = choose_candidates(n, sample, space)
        return archs, choose_references(references, archs, space, task_checksum), f"the sample {sample}"
    if not Path(references).is_file():
        raise ConfigError(
            f"space {space.name} has no candidates and references of its own",
            got=f"references={references}",
            expected="the path of a table that job=references wrote, whose networks are then ranked",
            fix="train one (job=references archs=FILE, one architecture a line), or score in Python: ghn.load",
        )
    found = choose_references(references, [], space, task_checksum)
    return list(found[0].values)[:n], found, references


def aligned(reference: Reference, archs: Sequence[str]) -> tuple[list[int], np.ndarray, np.ndarray | None]:
    """Which candidates have a reference, their values [n], and their seeds [n, s] (NaN where missing) or None.

    Raises:
        DataError: fewer have one than can be ranked.
    """
    index = [i for i, arch in enumerate(archs) if arch in reference.values]
    if len(index) < MIN_ITEMS:
        raise DataError(
            f"too few candidates have a reference in {reference.name!r}",
            got=len(index),
            expected=f"at least {MIN_ITEMS}",
            fix="choose other references or more candidates",
        )
    values = np.array([reference.values[archs[i]] for i in index])
    if not reference.seeds:
        return index, values, None
    width = min(len(s) for s in reference.seeds.values())
    blank = [np.nan] * width
    seeds = np.array([list(reference.seeds.get(archs[i], blank))[:width] for i in index])
    return index, values, seeds
