"""Finds the files shipped beside the package: `data/` and `checkpoints/`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ghn.errors import DataError
from ghn.reading import there_is

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE.parent, _PACKAGE / "_assets")  # a checkout; an installed wheel
TRAININGS = "checkpoints/trainings"  # of the survey: a package of their own, or `make trainings` in a checkout


def asset(relative: str) -> Path:
    """Returns the path of a shipped file such as `data/cifar10_16px.npz`.

    Raises:
        DataError: the file is in neither place.
    """
    if (path := _shipped(relative)) is not None:
        return path
    raise DataError(
        f"the shipped file {relative} is missing",
        got="nothing at " + " or ".join(str(root / relative) for root in _ROOTS),
        fix="reinstall ghn, or run from a complete checkout",
    )


def here_or_shipped(path: str | Path) -> Path:
    """Returns the path; where nothing is there, that of the shipped file or folder of this name, if there is one."""
    path = Path(path)
    return path if there_is(path) or path.is_absolute() else _shipped(path) or path


def _shipped(relative: str | Path) -> Path | None:
    return next((root / relative for root in (*_ROOTS, *_apart()) if there_is(root / relative)), None)


def _apart() -> list[Path]:
    """Where the package of the survey's trainings is installed."""
    spec = find_spec("ghn_trainings")
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
