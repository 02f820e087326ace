"""ghn inside other tools: a module a tool, which imports it; none is imported by the rest of ghn."""

from __future__ import annotations

from importlib import import_module

from ghn.errors import MissingExtraError


def check_extra(extra: str, *packages: str) -> None:
    """Raises `MissingExtraError`, with the line that installs them, where packages of an extra are missing."""
    for package in packages:
        try:
            import_module(package)
        except ImportError:
            fix = f'pip install "ghn[{extra}]"'
            raise MissingExtraError(f"this adapter needs {package}, which is not installed", fix=fix) from None
