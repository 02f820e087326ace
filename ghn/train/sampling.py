"""What a step of training sees: drawn from the seed and the step's number alone, so that any step can be redone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from random import Random
from typing import Any, Protocol

import torch
from torch import Tensor

from ghn.errors import ConfigError
from ghn.types import Finite, Network, Space

SAMPLINGS = ("distinct", "uniform")


class PathSampler(Protocol):
    """What a step of training runs: members of its `space`, or several of its options at once."""

    space: Space[Any]

    def __call__(self, step: int, n: int) -> list[Any]:
        """Draws `n` hashable descriptions for a step, from the seed, the step's number and saved state alone."""
        ...

    def network(self, space: Space[Any], drawn: Any) -> Network:
        """The network of a description in a variant of the space."""
        return space.network(drawn)

    def format(self, drawn: Any) -> str:
        """A description in words, for error messages."""
        return self.space.format(drawn)


class ArchitectureSampler(PathSampler):
    """Draws the architectures of a step.

    `distinct` sampling draws functions uniformly where the space can list them (`space.distinct()`), so that those with
    many equivalent descriptions are not seen more often; `uniform` draws descriptions. Architectures with the canonical
    keys `exclude`, such as held-out ones, are never drawn.

    Raises:
        ConfigError: an unknown sampling, or `distinct` in a space that cannot list its functions.
    """

    def __init__(self, space: Space[Any], sampling: str, seed: int, exclude: frozenset[Hashable] = frozenset()) -> None:
        if sampling not in SAMPLINGS:
            raise ConfigError("unknown sampling", got=sampling, expected=" | ".join(SAMPLINGS))
        self.space, self.seed, self.exclude = space, seed, exclude
        self._pool: Sequence[Any] | None = None
        if sampling == "distinct":
            if not isinstance(space, Finite):
                raise ConfigError(
                    f"space {space.name} cannot list its functions",
                    got="sampling=distinct",
                    fix="use sampling=uniform (trainer.sampling=uniform)",
                )
            self._pool = [a for a in space.distinct() if self.space.canonical(a) not in exclude]

    def __call__(self, step: int, n: int) -> list[Any]:
        rng = Random(f"{self.seed}/{step}")
        if self._pool is not None:
            return rng.choices(self._pool, k=n)
        out: list[Any] = []
        while len(out) < n:
            arch = self.space.sample(rng)
            if self.space.canonical(arch) not in self.exclude:
                out.append(arch)
        return out


class ImageSampler:
    """Goes through a split of `size` images in a new random order each epoch.

    Indices are made on `device`; they depend on the seed and the device's kind only.
    """

    def __init__(self, size: int, batch: int, seed: int, device: torch.device) -> None:
        if batch > size:
            raise ConfigError("a batch is larger than the train split", got=batch, expected=f"at most {size} images")
        self.batch, self.per_epoch = batch, size // batch

        @lru_cache(maxsize=1)
        def order(epoch: int) -> Tensor:
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + epoch)
            return torch.randperm(size, generator=generator, device=device)

        self._order = order

    def __call__(self, step: int) -> Tensor:
        epoch, k = divmod(step, self.per_epoch)
        return self._order(epoch)[k * self.batch : (k + 1) * self.batch]
