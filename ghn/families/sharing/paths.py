"""Which paths through a supergraph are trained: those of a fixed distribution, or of a policy trained beside a bank.

Source of the first: Bender, Kindermans, Zoph, Vasudevan & Le, "Understanding and Simplifying One-Shot Architecture
Search", ICML 2018.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from torch import nn

from ghn.errors import ConfigError, check_known, check_numbers
from ghn.families.sharing.bank import Bank
from ghn.families.sharing.roles import MemberSampler
from ghn.graph.ir import Graph
from ghn.spaces.choices import Choices, Decisions, choice_space
from ghn.train.meta import ArchitectureSampler, MetaConfig, PathSampler
from ghn.types import Network, Space, Split, Task, WeightDict

PATHS = ("uniform", "dropout")
Kept = tuple[tuple[int, ...], ...]  # options of each choice that a step keeps


@dataclass(frozen=True, slots=True)
class OneShotConfig:
    """What a step of one-shot training runs.

    Paths are `uniform`: single architectures, as `trainer.sampling` says; or `dropout`: several operations an edge,
    added up, of which ever more are left out.
    """

    paths: str = "uniform"  # one of `PATHS`
    drop: float = 0.05  # probability, at the end of training, that all operations of an edge are left out

    def __post_init__(self) -> None:
        check_known("paths of one-shot training", self.paths, PATHS)
        check_numbers("weights.", above=0, below=1, drop=self.drop)


class PathDropout(PathSampler):
    """Draws the operations that a step keeps.

    Source: Bender et al. 2018: an input is dropped with probability r ** (1 / k), where k is the number of
    paths that come in, so that r is the probability that all of them are; r rises linearly from 0 to `drop` over
    training. Here the k paths are the operations of an edge.
    """

    def __init__(self, space: Space[Any], drop: float, steps: int, seed: int) -> None:
        self.space, self.options = space, [len(choice.options) for choice in choice_space(space).choices()]
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
    return shared_paths(space, trainer)


def shared_paths(space: Space[Any], trainer: MetaConfig) -> PathSampler:
    """Single architectures, as `trainer.sampling` says; of a space without a supergraph those that a bank holds."""
    if isinstance(space, Choices):
        return ArchitectureSampler(space, trainer.sampling, trainer.seed)
    return MemberSampler(space, trainer.seed, distinct=trainer.sampling == "distinct")


class SharedSearch(nn.Module):
    """Makes weights as its bank does; a policy - a controller, or architecture parameters - is trained beside it."""

    def __init__(self, bank: Bank, policy: nn.Module) -> None:
        super().__init__()
        self.bank, self.policy = bank, policy

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return self.bank(graphs)


def hold_out_images(task: Task, share: float, images: int, seed: int) -> tuple[Task, Split]:
    """Cuts a stratified share off the train split; the val split, on which scores are read, is never touched.

    Returns:
        The task with the rest as its train split, and what was cut off.

    Raises:
        ConfigError: an impossible share, or fewer than `images` in it.
    """
    train = task.train
    count = round(share * len(train)) if 0 < share < 1 else 0
    if not 0 < images <= count:
        raise ConfigError(
            "weights.held_out must leave images for the weights, and weights.images for what chooses architectures",
            got=f"held_out {share}, images {images}, a train split of {len(train)}",
        )
    rest, part = train.hold_out(count, seed)
    return task.with_splits(train=rest), part


def count_options(space: Decisions[Any], options: Sequence[Sequence[int]]) -> dict[str, int]:
    """How often each option occurs in some architectures; a rising number of skips is how searches fail."""
    names = [choice.options for choice in space.choices()]
    counts = Counter(own[o] for one in options for own, o in zip(names, one, strict=True))
    return {name: counts[name] for own in names for name in own}
