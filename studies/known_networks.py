"""The networks of a table as a space of their own, in which any searcher can search without training anything."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.families.training.full import TrainingEstimator
from ghn.search.references import train_references
from ghn.spaces.choices import Decisions
from ghn.types import Network, Reference, Space

FEW = 8  # neighbours that a network has at least; where the table lacks them, those of the fewest other decisions


class KnownNetworks:
    """A space whose members are the functions that a table knows.

    Args:
        space: of the table's networks; one that can be taken apart into decisions, by which networks are near.
        reference: their accuracies; members of one function count as trainings of it.

    Attributes:
        values: member -> mean accuracy.

    Raises:
        ConfigError: the space cannot be taken apart into decisions.
        DataError: fewer than ten networks.
    """

    def __init__(self, space: Space[Any], reference: Reference) -> None:
        if not isinstance(space, Decisions):
            raise ConfigError(f"space {space.name} does not say which decisions make a network", expected="Decisions")
        self.space, self.name, self.decisions = space, space.name, space.choices()
        found: dict[Hashable, tuple[Any, list[float]]] = {}
        for text, value in reference.values.items():
            arch = space.parse(text)
            _, trainings = found.setdefault(space.canonical(arch), (arch, []))
            trainings.extend(reference.seeds.get(text, [value]))
        if len(found) < 10:
            raise DataError("too few networks to search among", got=len(found), expected="at least 10")
        self._by_key = {key: arch for key, (arch, _) in found.items()}
        self._trainings = {key: trainings for key, (_, trainings) in found.items()}
        self.members = list(self._by_key.values())
        self.values = {arch: fmean(trainings) for arch, trainings in found.values()}
        self._chosen = np.array([space.to_choices(arch) for arch in self.members])
        self._near = lru_cache(maxsize=None)(self._neighbours)

    def trainings(self, seed: int) -> Callable[[Any], float]:
        """What says of a network what one training of it gave: one of those that are known."""
        rng = Random(f"trainings {seed}")
        return lambda arch: rng.choice(self._trainings[self.canonical(arch)])

    def quality(self, arch: Any, seed: int) -> float:
        """What a network is judged by that was chosen: the mean of its trainings."""
        return self.values[arch]

    def best(self) -> float:
        """The highest quality there is."""
        return max(self.values.values())

    def nearest(self, chosen: Sequence[int], among: np.ndarray) -> Any:
        """The member, of those with True in `among` [n], that differs from some options in the fewest decisions."""
        apart = np.where(among, (self._chosen != np.asarray(chosen)).sum(1), len(self.decisions) + 1)
        return self.members[int(apart.argmin())]

    # --- a space ---

    def describe(self) -> dict[str, Any]:
        return {**self.space.describe(), "known": len(self.members)}

    def sample(self, rng: Random) -> Any:
        return rng.choice(self.members)

    def neighbours(self, arch: Any) -> Iterator[Any]:
        return iter(self._near(arch))

    def _neighbours(self, arch: Any) -> list[Any]:
        own = self.canonical(arch)
        keys = dict.fromkeys(self.space.canonical(near) for near in self.space.neighbours(arch))
        found = [self._by_key[key] for key in keys if key in self._by_key and key != own]
        if len(found) >= FEW:
            return found
        apart = (self._chosen != np.asarray(self.space.to_choices(arch))).sum(1)
        others = [self.members[i] for i in np.argsort(apart, kind="stable")]
        return [*found, *(a for a in others if self.canonical(a) != own and a not in found)][:FEW]

    def network(self, arch: Any) -> Network:
        return self.space.network(arch)

    def parse(self, text: str) -> Any:
        return self.space.parse(text)

    def format(self, arch: Any) -> str:
        return self.space.format(arch)

    def canonical(self, arch: Any) -> Hashable:
        return self.space.canonical(arch)


class TrainedNetworks(KnownNetworks):
    """Networks that are trained for real, once for each seed, when a search asks; the table goes on where it was.

    A search sees the validation accuracy after the last epoch, and is judged by the test accuracy of the same training.

    Args:
        texts: official strings of the networks among which is searched.
        estimator: trains one.
        path: table of all trainings, `.jsonl`.
    """

    def __init__(self, texts: Iterable[str], estimator: TrainingEstimator, path: Path) -> None:
        unknown = dict.fromkeys(texts, float("nan"))
        super().__init__(estimator.space, Reference("trained", "test accuracy", unknown, {}))
        self.estimator, self.path = estimator, path
        self.accuracies: dict[tuple[Any, int], tuple[float, float]] = {}  # validation, test

    def trainings(self, seed: int) -> Callable[[Any], float]:
        return lambda arch: self._train(arch, seed)[0]

    def quality(self, arch: Any, seed: int) -> float:
        return self._train(arch, seed)[1]

    def best(self) -> float:
        """Of what any search trained."""
        return max(test for _, test in self.accuracies.values())

    def _train(self, arch: Any, seed: int) -> tuple[float, float]:
        if (arch, seed) not in self.accuracies:
            text = self.format(arch)
            table = train_references(self.estimator, [(text, seed)], self.path, progress=False)
            run = next(run for run in table.of(text) if run.seed == seed)
            assert run.test_accuracy is not None  # a training ends with a test
            self.accuracies[arch, seed] = run.val_accuracy[-1], run.test_accuracy
        return self.accuracies[arch, seed]
