"""One-shot training with a fixed distribution: which paths through the supergraph a step trains.

Source: Bender, Kindermans, Zoph, Vasudevan & Le, "Understanding and Simplifying One-Shot Architecture Search",
ICML 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from ghn.errors import ConfigError
from ghn.spaces.choices import choice_space
from ghn.train.meta import MetaConfig
from ghn.train.sampling import ArchitectureSampler, PathSampler
from ghn.types import Network, Space

PATHS = ("uniform", "dropout")
Kept = tuple[tuple[int, ...], ...]  # options of each choice that a step keeps


@dataclass(frozen=True, slots=True)
class OneShotConfig:
    """What a step of one-shot training runs.

    Attributes:
        paths: `uniform`: single architectures, as `trainer.sampling` says; `dropout`: several operations an edge, added
            up, of which ever more are left out.
        drop: probability, at the end of training, that all operations of an edge are left out.
    """

    paths: str = "uniform"
    drop: float = 0.05

    def __post_init__(self) -> None:
        if self.paths not in PATHS:
            raise ConfigError("unknown paths of one-shot training", got=self.paths, expected=" | ".join(PATHS))
        if not 0 < self.drop < 1:
            raise ConfigError("weights.drop must lie between 0 and 1", got=self.drop, expected="such as 0.05")


class PathDropout:
    """Draws the operations that a step keeps.

    Source: Bender et al. 2018: an input is dropped with probability r ** (1 / k), where k is the number of
    paths that come in, so that r is the probability that all of them are; r rises linearly from 0 over training. Here
    the k paths are the operations of an edge.

    Args:
        space: of the architectures.
        drop: r at the end of training.
        steps: of the training.
        seed: of the run.
    """

    def __init__(self, space: Space[Any], drop: float, steps: int, seed: int) -> None:
        self.options = [len(choice.options) for choice in choice_space(space).choices()]
        self.drop, self.steps, self.seed = drop, steps, seed

    def __call__(self, step: int, n: int) -> list[Kept]:
        rng, rate = Random(f"{self.seed}/{step}"), self.drop * step / self.steps
        return [
            tuple(tuple(o for o in range(k) if rng.random() >= rate ** (1 / k)) for k in self.options) for _ in range(n)
        ]

    def network(self, space: Space[Any], drawn: Kept) -> Network:
        return Network.of(choice_space(space).supergraph(drawn, mixed=False).graph)

    def format(self, drawn: Kept) -> str:
        return "/".join(",".join(map(str, kept)) for kept in drawn)


def one_shot_paths(config: OneShotConfig, space: Space[Any], trainer: MetaConfig) -> PathSampler:
    """What the steps of a training run."""
    if config.paths == "dropout":
        return PathDropout(space, config.drop, trainer.steps, trainer.seed)
    return ArchitectureSampler(space, trainer.sampling, trainer.seed)
