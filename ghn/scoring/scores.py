"""The scores of a call, with the names of what was judged: a list that shows itself as a ranking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from ghn.display import card, named, paragraph, table
from ghn.graph.ir import Graph
from ghn.graph.network import Network
from ghn.text import one_line
from ghn.types import Score, Space

_SHOWN = 20  # rows of a card
_LONGEST = 200  # characters of a name that is kept


class Scores(list[Score]):
    """A list of scores, one an architecture in the order given, that knows how the architectures are called.

    It is a list in all else: slices of it are plain lists, and it equals one of the same scores.

    Args:
        scores: in the order of the names.
        names: official strings, or what else tells an architecture to a reader.
    """

    def __init__(self, scores: Iterable[Score] = (), names: Sequence[str] = ()) -> None:
        super().__init__(scores)
        self.names = tuple(names)

    @property
    def values(self) -> list[float]:
        """Their values, NaN where one failed: what `ghn.compare` and `ghn.plot.scatter` take."""
        return [score.value for score in self]

    def __repr__(self) -> str:
        good = [score.value for score in self if score.ok]
        best = f"best {max(good):.4g}" if good else "no value"
        why = next((f": {str(score.error).splitlines()[0][:80]}" for score in self if score.error), "")
        return named(self, f"{len(self)} scores", best, f"{len(self) - len(good)} failed{why}")

    def _repr_html_(self) -> str:
        """The best first; what failed last, with its reason."""
        names = self.names if len(self.names) == len(self) else [str(i) for i in range(len(self))]
        good = sorted((i for i in range(len(self)) if self[i].ok), key=lambda i: -self[i].value)
        order = [*good, *(i for i in range(len(self)) if not self[i].ok)]
        rows = [
            (place, *_numbers(self[i]), names[i], self[i].error or "")
            for place, i in enumerate(order[:_SHOWN], start=1)
        ]
        head = ("", "value", "± std", "seconds", "architecture", "")
        more = [paragraph(f"{len(self) - _SHOWN:,} more.")] if len(self) > _SHOWN else []
        failed = f", {len(self) - len(good):,} failed" if len(good) < len(self) else ""
        return card(f"{len(self):,} scores{failed}; higher is better", table(head, rows, words=(4, 5)), *more)


def _numbers(score: Score) -> tuple[str, str, str]:
    value = f"{score.value:.4f}" if score.ok else ""
    return value, "" if score.std is None else f"{score.std:.2g}", f"{score.cost_seconds:.2g}"


def name_of(space: Space[Any], architecture: Any) -> str:
    """How an architecture that was given is called: its official string, or what it is."""
    if isinstance(architecture, str):
        return one_line(architecture, _LONGEST)
    if isinstance(architecture, nn.Module | Graph | Network):
        return type(architecture).__name__
    try:
        return one_line(space.format(architecture), _LONGEST)
    except Exception:  # whatever a space raises for what is no member; its score says what is wrong
        return one_line(str(architecture), _LONGEST)
