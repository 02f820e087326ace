"""Packages that are optional: where one is missing, the line that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ghn.errors import MissingExtraError


def need(package: str, extra: str, what: str) -> Any:
    """Imports a package of an extra.

    Args:
        package: by the name that it is imported by.
        extra: of this project, in `pip install 'ghn[EXTRA]'`.
        what: needs it; the beginning of a sentence.

    Raises:
        MissingExtraError: it is not installed; an ImportError too.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise missing(package, extra, what, cause=error) from None


def missing(package: str, extra: str, what: str, *, cause: ImportError | None = None) -> MissingExtraError:
    """The error of a package that is not installed, or whose own imports fail."""
    top = package.partition(".")[0]
    absent = cause is None or cause.name is None or cause.name.partition(".")[0] == top
    got = None if absent else f"{type(cause).__name__}: {cause}"
    told = "is not installed" if absent else "cannot be imported"
    return MissingExtraError(f"{what} needs {top}, which {told}", got=got, fix=f'pip install "ghn[{extra}]"')


def check_extra(extra: str, *packages: str) -> None:
    """Imports packages that an adapter is for; raises as `need` does."""
    for package in packages:
        need(package, extra, "this adapter")
