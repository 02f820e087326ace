"""The fixed samples of distinct networks: one to look at while developing, one for reports only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.assets import asset
from ghn.errors import DataError
from ghn.files import from_json

SCHEMA = "ghn.sample/1"
TWINS = "ghn.twins/1"


@dataclass(frozen=True)
class ReferenceSample:
    """A fixed sample of distinct networks.

    Attributes:
        name: "development" or "report".
        source: where the accuracies come from.
        accuracy: official string -> published test accuracy, a fraction, averaged over the cells of its
            function.
        group: official string -> "random", "embedded-random" or "embedded-top". The last were chosen for
            their accuracy: leave them out of a figure that is to stand for the whole space.
    """

    name: str
    source: str
    accuracy: dict[str, float]
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
        DataError: missing, damaged or foreign.
    """
    path = name if isinstance(name, Path) else asset(f"data/references/{name}.json")
    with _reading(path, SCHEMA) as content:
        accuracy = {arch: float(value) for arch, value, _ in content["rows"]}
        group = {arch: str(group) for arch, _, group in content["rows"]}
        if len(accuracy) != len(content["rows"]) or not all(0 <= value <= 1 for value in accuracy.values()):
            raise ValueError("an architecture twice, or an accuracy outside [0, 1]")
        return ReferenceSample(content["name"], content["source"], accuracy, group)


def load_twins() -> dict[str, tuple[float, float]]:
    """Published accuracies of two trainings of one function: of two cells that compute it, where there are two.

    Raises:
        DataError: missing, damaged or foreign.
    """
    with _reading(asset("data/references/twins.json"), TWINS) as content:
        return {arch: (float(one), float(other)) for arch, one, other in content["rows"]}


@contextmanager
def _reading(path: Path, schema: str) -> Iterator[Any]:
    """The content of a file; what goes wrong in it is the file's fault."""
    try:
        content = from_json(path.read_text())
        if content["schema"] != schema:
            raise ValueError(f"schema {content['schema']!r}")
        yield content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a sample of references, or twins of one",
            got=f"{type(error).__name__}: {error}",
            expected=schema,
            fix="restore it from git, or draw it again: python data/references/make_samples.py --write",
        ) from error
