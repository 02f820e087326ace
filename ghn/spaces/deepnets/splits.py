"""From which distribution the networks of each split are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ghn.errors import check_known


@dataclass(frozen=True, slots=True)
class Distribution:
    """Ranges of what is drawn of a network; both ends belong to them.

    Attributes:
        widths: channels of the first cells.
        cells: number of cells.
        steps: sums in a cell.
        many_cells: more cells than these have at most `few_steps` sums each.
        few_steps: see `many_cells`.
        norms: whether networks have normalisations.
    """

    widths: tuple[int, ...] = (8, 16, 24, 32)
    cells: tuple[int, int] = (3, 5)
    steps: tuple[int, int] = (1, 3)
    many_cells: int = 4
    few_steps: int = 2
    norms: bool = True

    def steps_of(self, cells: int) -> tuple[int, int]:
        """How many sums a cell of a network of so many cells has."""
        return self.steps[0], self.few_steps if cells > self.many_cells else self.steps[1]


# Source: Knyazev et al., "Parameter Prediction for Unseen Deep Architectures", NeurIPS 2021, sec. 3.1 and 3.2 with the
# authors' generator: 4 to 18 cells of 1 to 4 sums, few sums where there are many cells; `deep` 10 to 36 cells, `dense`
# 2 to 10 sums, `wide` the test networks with more channels, `bn-free` without normalisation. Here all is smaller,
# so that a CPU trains on it; and where a few of their networks for training lack normalisation, none does: generated
# weights let such networks overflow at first, and their gradient then hides that of all others.
_TRAIN = Distribution()
SPLITS = {
    "train": _TRAIN,
    "test": _TRAIN,
    "wide": replace(_TRAIN, widths=(40, 48, 64)),
    "deep": replace(_TRAIN, cells=(8, 12), many_cells=9),
    "dense": replace(_TRAIN, steps=(4, 8), few_steps=5),
    "norm_free": replace(_TRAIN, norms=False),
}


def distribution(split: str) -> Distribution:
    """That of a split; `ConfigError` for an unknown one."""
    check_known("split of the space deepnets", split, tuple(SPLITS))
    return SPLITS[split]
