"""The members of NAS-Bench-Macro: eight digits, one a layer, and which of them compute the same."""

from __future__ import annotations

from typing import Any

from ghn.errors import ArchitectureError

TITLE = "NAS-Bench-Macro"  # in messages
DIGITS = "012"  # identity, small block, large block
STAGES = (2, 3, 3)  # layers of each
LENGTH = sum(STAGES)


def check_digits(arch: Any) -> str:
    """Returns the member; `ArchitectureError` for what is none."""
    if not isinstance(arch, str) or len(arch) != LENGTH or any(digit not in DIGITS for digit in arch):
        raise ArchitectureError(
            f"not a member of {TITLE}", got=arch, expected=f'{LENGTH} digits of {DIGITS}, such as "12010221"'
        )
    return arch


def by_stage(arch: str) -> list[str]:
    """The digits of each stage."""
    return [arch[sum(STAGES[:s]) : sum(STAGES[: s + 1])] for s in range(len(STAGES))]


def identities_last(arch: str) -> str:
    """The member that computes the same, and whose identities come last in their stage.

    The first layer of a stage is never a mere identity, as it halves the image, and stays where it is.
    """
    return "".join((own[0] + own[1:].replace("0", "")).ljust(len(own), "0") for own in by_stage(check_digits(arch)))
