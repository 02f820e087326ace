"""The log of a run: JSON lines, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from ghn.errors import DataError

LOG, DRAWN = "log.jsonl", "drawn.jsonl"


class RunLog:
    """Appends one JSON object a line to `log.jsonl`.

    Args:
        folder: of the run.
        step: the step from which the run goes on; lines of later steps, written by a run that was killed before it
            saved its state, are dropped.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.path = folder / LOG
        self._file = _open_at(self.path, step)
        self._board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1, flush_secs=10)

    def write(self, step: int, **values: float | None) -> None:
        """Logs values of one step."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


class DrawnLog:
    """Keeps in `drawn.jsonl` which options each step trained, where these cannot be drawn again from the seed.

    Args:
        folder: of the run.
        step: the step from which the run goes on, as in `RunLog`.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = _open_at(folder / DRAWN, step)

    def write(self, step: int, options: Sequence[Sequence[int]]) -> None:
        """Keeps the options of each choice of each architecture of one step, which is counted from 1."""
        self._file.write(json.dumps({"step": step, "options": [list(one) for one in options]}) + "\n")
        self._file.flush()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl` or `drawn.jsonl`; one torn by a kill at the end is left out.

    Raises:
        DataError: there is no such file, or it is something else.
    """
    if not path.is_file():
        raise DataError(f"no {path.name} here", got=str(path), expected="the folder of a run of train_ghn.py")
    try:
        lines = _lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read", got=str(error)) from None
    if not lines or not all(isinstance(line, dict) and type(line.get("step")) is int for line in lines):
        raise DataError(f"{path} is not what a run writes", expected="JSON objects with a step, one a line")
    return lines


def _open_at(path: Path, step: int) -> TextIO:
    """The file without the lines of later steps, to be appended to."""
    kept = [line for line in _lines(path) if line["step"] <= step]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    return path.open("a")


def _lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a log; one torn by a kill is left out."""
    out = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            out.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return out
