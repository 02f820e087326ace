"""What is known of NAS-Bench-201's networks: published accuracies, fixed samples, and this project's own trainings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, NothingToLearnError
from ghn.reading import read_json, reading
from ghn.spaces.nasbench201.published import read_analog_nasbench
from ghn.tables.lookup import DistinctSpace, distinct_references
from ghn.tables.references import table_reference
from ghn.types import Reference, Score, Trial

EMBEDDED = "data/references/embedded.jsonl"  # 96 networks that this project trained on the embedded images
DEVELOPMENT, REPORT = "development", "report"
OWN, PUBLISHED, ALL = "embedded", "nasbench201", "all"  # words of configs
# standard deviation of a published accuracy: cells of one function differ by 0.19 points on average, and the mean
# difference of two normal draws is 1.128 of their deviations
PUBLISHED_NOISE = 0.0019 / 1.128
RANDOM = ("random", "embedded-random")  # groups that were not chosen for their accuracy
_ORDER = ("embedded-random", "embedded-top", "random")  # of the groups of a sample
SCHEMA = "ghn.sample/1"
TWINS = "ghn.twins/1"


@dataclass(frozen=True)
class ReferenceSample:
    """A fixed sample of distinct networks: one to look at while developing, one for reports only."""

    name: str  # "development" or "report"
    source: str  # where the accuracies come from
    accuracy: dict[str, float]  # official string -> published test accuracy, a fraction, mean over the function's cells
    # official string -> "random", "embedded-random" or "embedded-top". The last were chosen for their accuracy: leave
    # them out of a figure that is to stand for the whole space
    group: dict[str, str]

    def archs(self, *groups: str) -> list[str]:
        """The official strings of some groups, or of all, in a fixed random order, so that a part stands for all.

        `accuracy` has the order of the file, which is that of the alphabet: its first third begins with one operation.
        """
        found = [arch for arch in self.accuracy if not groups or self.group[arch] in groups]
        return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def load_sample(name: str | Path) -> ReferenceSample:
    """Reads the sample "development" (500 networks) or "report" (1,000), or the file at a `Path`.

    Raises:
        DataError: missing, damaged or foreign; so does `load_twins`.
    """
    path = name if isinstance(name, Path) else asset(f"data/references/{name}.json")
    with _reading(path, SCHEMA) as content:
        accuracy = {arch: float(value) for arch, value, _ in content["rows"]}
        group = {arch: str(group) for arch, _, group in content["rows"]}
        if len(accuracy) != len(content["rows"]) or not all(0 <= value <= 1 for value in accuracy.values()):
            raise ValueError("an architecture twice, or an accuracy outside [0, 1]")
        return ReferenceSample(content["name"], content["source"], accuracy, group)


def load_twins() -> dict[str, tuple[float, float]]:
    """Published accuracies of two trainings of one function: of two cells that compute it, where there are two."""
    with _reading(asset("data/references/twins.json"), TWINS) as content:
        return {arch: (float(one), float(other)) for arch, one, other in content["rows"]}


@contextmanager
def _reading(path: Path, schema: str) -> Iterator[Any]:
    """The content of a file; what goes wrong in it is the file's fault."""
    fix = "restore it from git, or draw it again: python data/references/make_samples.py --write"
    with reading(f"{path}: not a sample of references, or twins of one", expected=schema, fix=fix):
        content = read_json(path)
        if content["schema"] != schema:
            raise ValueError(f"schema {content['schema']!r}")
        yield content


@dataclass(frozen=True)
class NASBench201Benchmark:
    """The benchmark of the space, in any skeleton and for images of any kind.

    Args:
        space: parses its strings and knows its distinct networks.
    """

    space: DistinctSpace
    label: str = "NAS-Bench-201, 200 epochs"
    samples: tuple[str, str] = (DEVELOPMENT, REPORT)
    usual: str = DEVELOPMENT
    words: tuple[str, ...] = (OWN, PUBLISHED, ALL)

    @property
    def trainings(self) -> Path:
        return asset(EMBEDDED)

    def candidates(self, n: int, sample: str) -> list[str]:
        """The first `n` official strings of a fixed, random order of distinct networks, so that few stand for many.

        `development` begins with the 96 embedded references (80 random ones, then 16 of the published top), goes on
        with the rest of the development sample and then with functions of neither sample; `report` is the report sample
        alone.
        """
        if sample not in self.samples:
            raise ConfigError("unknown sample of candidates", got=sample, expected=" | ".join(self.samples))
        chosen = load_sample(sample)
        archs = [arch for group in _ORDER for arch in chosen.archs(group)]
        if sample == DEVELOPMENT and isinstance(n, int) and n > len(archs):
            taken = {self._key(arch) for name in self.samples for arch in load_sample(name).archs()}
            rest = [arch for arch in self.space.distinct() if self.space.canonical(arch) not in taken]
            order = np.random.default_rng(0).permutation(len(rest))
            archs += [self.space.format(rest[i]) for i in order]
        if not isinstance(n, int) or not 1 <= n <= len(archs):
            raise ConfigError(
                f"the sample {sample} cannot give so many candidates", got=n, expected=f"1 to {len(archs)}"
            )
        return archs[:n]

    def sample(self, name: str, task_checksum: str) -> Reference:
        return replace(self.published(load_sample(name).archs(*RANDOM)), name=f"{self.label}, {name} sample")

    def references(self, word: str, archs: Sequence[str], task_checksum: str) -> list[Reference]:
        """What `embedded`, `nasbench201` or `all` names; with `all`, own trainings where they fit and know some."""
        found = []
        if word == OWN:
            found.append(self.trained(task_checksum))
        elif word == ALL:
            with suppress(DataError):  # another task or skeleton has the published references alone
                own = self.trained(task_checksum)
                if sum(arch in own.values for arch in archs) >= MIN_ITEMS:  # the report sample has none of them
                    found.append(own)
        return [*found, self.published(archs)] if word != OWN else found

    def trained(self, task_checksum: str) -> Reference:
        note = "16 of the 96 were picked from the top of the published table"
        return table_reference(self.trainings, self.space, task_checksum, name="embedded references", note=note)

    def published(self, archs: Sequence[str]) -> Reference:
        """Published accuracies after 200 epochs of the full skeleton, mean over the cells of a function.

        Taken from the shipped samples where these hold all `archs`, else from the full table (extra `nasbench`).

        Raises:
            MissingExtraError: the full table is needed and not installed.
        """
        known: dict[str, float] = {}
        for sample in self.samples:
            known |= load_sample(sample).accuracy
        if any(arch not in known for arch in archs):
            full = distinct_references(self.space, read_analog_nasbench())
            by_key = {self._key(arch): value for arch, value in full.items()}
            known = {arch: by_key[self._key(arch)] for arch in archs}
        wanted = set(archs)
        twins = {arch: pair for arch, pair in load_twins().items() if arch in wanted}
        twins = twins if len(twins) >= MIN_ITEMS else {}  # fewer are no ceiling
        note = "the ceiling is of networks that two cells of the table compute: fewer operations than most"
        return Reference(
            "NAS-Bench-201, published: CIFAR-10, 200 epochs, full skeleton",
            "test accuracy",
            {arch: known[arch] for arch in archs},
            twins,
            note if twins else None,
            noise=PUBLISHED_NOISE,
        )

    def every(self) -> Reference:
        """The whole published table, extra `nasbench`: 15,625 cells, of which many compute one function."""
        values = read_analog_nasbench().value("test_accuracy")
        return Reference(f"{self.label}: all cells, CIFAR-10", "test accuracy", values, {}, noise=PUBLISHED_NOISE)

    def history(self, given: int) -> list[tuple[Trial[Any], Score]]:
        sample = load_sample(DEVELOPMENT)
        texts = sample.archs(*RANDOM)
        if not 0 <= given <= len(texts):
            raise NothingToLearnError(
                "the development sample has no such number of networks", got=given, expected=f"<= {len(texts)}"
            )
        return [(Trial(text, self.space.parse(text)), Score(sample.accuracy[text])) for text in texts[:given]]

    def _key(self, arch: str) -> Any:
        return self.space.canonical(self.space.parse(arch))
