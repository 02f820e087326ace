"""Rows of a table that compute one function: found, named, and made one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ghn.errors import DataError, check_known
from ghn.tables.curves import Floats

TWINS = ("mean", "first", "refuse")
SHOWN = 20  # groups of twins in a warning; an error names all


@dataclass(frozen=True)
class Functions:
    """The rows of each function, in the order in which functions first come; `how` is one of `TWINS`."""

    groups: tuple[tuple[int, ...], ...]
    how: str = "mean"

    @classmethod
    def of(cls, keys: Sequence[Hashable], how: str) -> Functions:
        """Puts rows of equal keys together; `ConfigError` for another `how`."""
        check_known("way with twins", how, TWINS)
        rows: dict[Hashable, list[int]] = {}
        for i, key in enumerate(keys):
            rows.setdefault(key, []).append(i)
        return cls(tuple(map(tuple, rows.values())), how)

    @property
    def firsts(self) -> list[int]:
        """The first row of each."""
        return [group[0] for group in self.groups]

    @property
    def twins(self) -> list[tuple[int, ...]]:
        """Those that have several rows."""
        return [group for group in self.groups if len(group) > 1]

    def check(self, where: str, lines: Sequence[int], archs: Sequence[str]) -> str | None:
        """What a reader must know of twins; None where there are none.

        Args:
            where: the file.
            lines: of its rows, counted from 1.
            archs: of its rows.

        Raises:
            DataError: twins are to be refused; names all.
        """
        if not self.twins:
            return None
        if self.how == "refuse":
            raise DataError(
                f"{where}: rows that compute the same function (functions: {len(self.twins)})",
                got="; ".join(_named([lines[i] for i in group], [archs[i] for i in group]) for group in self.twins),
                expected="each function once: an order between equal networks is noise",
                fix="give the second as accuracy_2 of the first, or say what is done with them: twins=mean | first",
            )
        named = [_listed([lines[i] for i in group]) for group in self.twins[:SHOWN]]
        more = f"; and {len(self.twins) - SHOWN} more" if len(self.twins) > SHOWN else ""
        taken = "the mean of its rows" if self.how == "mean" else "its first row"
        count = len(self.twins)
        many = "1 function of {} stands" if count == 1 else f"{count} functions of {{}} stand"
        return (
            f"{many.format(where)} in several rows ({'; '.join(named)}{more}): each is one "
            f"network, with {taken} (twins=mean | first | refuse)."
        )

    def merged(self, values: Floats) -> Floats:
        """A row for each function of columns [n] or [n, k]; NaN where all its rows are."""
        if self.how == "first" or not self.twins:
            return values[self.firsts]
        out = values[self.firsts]
        for place, group in enumerate(self.groups):
            own = values[list(group)]
            known = np.isfinite(own)
            total = np.where(known, own, 0.0).sum(axis=0)
            out[place] = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
        return out

    def merged_curves(self, values: Floats) -> Floats:
        """The same of learning curves [n, epochs]: the mean of the longest of a function, so that none has a jump."""
        seen = np.isfinite(values).sum(axis=1)
        out = values[self.firsts]
        if self.how == "mean":
            for place, group in enumerate(self.groups):
                longest = [i for i in group if seen[i] == max(seen[list(group)])]
                out[place] = values[longest].mean(axis=0)
        return out


def _named(lines: Sequence[int], archs: Sequence[str]) -> str:
    """Some rows of one function, with what stands in them."""
    different = list(dict.fromkeys(archs))
    what = "the same network" if len(different) == 1 else "one function"
    return f"{_listed(lines)}: {what}, {' and '.join(different)}"


def _listed(lines: Sequence[int]) -> str:
    return f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
