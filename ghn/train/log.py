"""The logs of a run: JSON lines, each with the step that it tells of, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from ghn.errors import DataError
from ghn.files import parse_lines, write_atomic

LOG, DRAWN = "log.jsonl", "drawn.jsonl"
LINES = "JSON objects with a step, one a line"


class StepLog:
    """Appends one JSON object a line.

    Lines after `step`, where the run goes on, are dropped: it was killed before it saved the state that goes with them.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        self._file = _open_at(path, step)

    def write(self, step: int, **values: Any) -> None:
        """Keeps values of one step, which is counted from 1."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class RunLog(StepLog):
    """The `log.jsonl` of a folder; its numbers go to TensorBoard too."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        super().__init__(folder / LOG, step)
        self._board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1, flush_secs=10)

    def write(self, step: int, **values: float | None) -> None:
        super().write(step, **values)
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        super().close()
        if self._board is not None:
            self._board.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl` or `drawn.jsonl`; one torn by a kill at the end is left out."""
    if not path.is_file():
        raise DataError(f"no {path.name} here", got=str(path), expected="the folder of a run of train_ghn.py")
    if not (lines := _lines(path)):
        raise DataError(f"{path} is not what a run writes", got="nothing", expected=LINES)
    return lines


def _open_at(path: Path, step: int) -> TextIO:
    """The file without the lines of later steps, to be appended to."""
    kept = [line for line in _lines(path) if line["step"] <= step] if path.exists() else []
    write_atomic(path, "".join(json.dumps(line) + "\n" for line in kept))
    return path.open("a")


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [line.row for line in parse_lines(path.read_bytes(), path, "a run's log", fix=None)[0]]
    except OSError as error:
        raise DataError(f"{path} cannot be read", got=str(error)) from None
    if not all(isinstance(line, dict) and type(line.get("step")) is int for line in lines):
        raise DataError(f"{path} is not what a run writes", expected=LINES)
    return lines
