"""The space of diverse networks that DeepNets-1M is drawn from, at sizes for small images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ghn.errors import ConfigError, check_counts
from ghn.spaces.deepnets.build import build
from ghn.spaces.deepnets.splits import distribution
from ghn.spaces.function import FunctionSpace
from ghn.spaces.questions import Decisions


class DeepNets(FunctionSpace):
    """Random networks without end: convolutions of all kinds, attention, squeeze-and-excitation, norms, pools.

    Source: Knyazev et al., "Parameter Prediction for Unseen Deep Architectures", NeurIPS 2021, sec. 3 (DeepNets-1M).

    Args:
        input_shape: (c, h, w) of the images.
        classes: outputs of the class head.
        split: from which distribution networks are drawn, one of `SPLITS`; a network of another split is no member.
        networks: draw from so many members, always the same; None: from all of them, without end. A network is captured
            when it is met first, so that training on a few thousand saves most of that.

    Raises:
        ConfigError: an unknown split, no networks, or images of fewer than 8 pixels a side.
    """

    name = "deepnets"

    def __init__(
        self, input_shape: Sequence[int], classes: int, split: str = "train", networks: int | None = None
    ) -> None:
        distribution(split)
        if networks is not None:
            check_counts("space deepnets: ", networks=networks)
        if len(input_shape) != 3 or min(input_shape[1:]) < 8:
            raise ConfigError(
                "the networks of space deepnets read images",
                got=f"input_shape {tuple(input_shape)}",
                expected="(channels, height, width) with at least 8 pixels a side",
            )
        self.split, self.networks = split, networks
        super().__init__(build, tuple(input_shape), classes, split=split)

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; the class makes an equal space of them."""
        own = {"input_shape": list(self.input_shape), "classes": self.classes}
        return {**own, "split": self.split, "networks": self.networks}

    def sample(self, rng: Random) -> Decisions:
        """Draws each decision uniformly from its options, in the order asked; or one of the `networks`."""
        if self.networks is None:
            return super().sample(rng)
        return super().sample(Random(f"{self.split}/{rng.randrange(self.networks)}"))

    def with_settings(self, changed: Mapping[str, Any]) -> DeepNets:
        """The space with some settings changed, such as another split."""
        return DeepNets(**{**self.describe(), **changed})

    def __repr__(self) -> str:
        return f"DeepNets({', '.join(f'{key}={value!r}' for key, value in self.describe().items())})"

    def __getstate__(self) -> dict[str, Any]:
        return self.describe()

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        DeepNets.__init__(self, **state)
