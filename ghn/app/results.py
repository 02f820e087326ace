"""What a job has found, as one JSON document: for `--json`, from the files in its folder."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ghn.files import plain
from ghn.reading import open_plain, read_json, reading

SCHEMA = "ghn.result/1"


def print_result(command: str, folder: str) -> None:
    """Prints what a command has left in its folder."""
    read, name = RESULTS[command]
    path = Path(folder) / name
    print_json({"command": command, "out": folder, "file": str(path), "result": read(path)})


def print_json(content: dict[str, Any]) -> None:
    """Prints a document; no number in it is one that JSON has not."""
    json.dump(plain({"schema": SCHEMA, **content}), sys.stdout, indent=1, ensure_ascii=True, allow_nan=False)
    print()


def _scores(path: Path) -> list[dict[str, Any]]:
    """The rows of `scores.csv`, numbers as numbers, what could not be judged with `null` and its error."""
    csv.field_size_limit(1 << 24)  # an architecture can be long
    with reading(f"{path} cannot be read"), open_plain(path) as file:
        rows = list(csv.DictReader(line.decode() for line in file))
        return [
            {key: _number(value) if key in NUMBERS else value or None for key, value in row.items()} for row in rows
        ]


NUMBERS = ("value", "std", "seconds")


def _number(text: str) -> float | None:
    return float(text) if text else None


def _document(path: Path) -> Any:
    with reading(f"{path} cannot be read"):
        return read_json(path)


RESULTS: dict[str, tuple[Callable[[Path], Any], str]] = {  # by command
    "rank": (_document, "report.json"),
    "score": (_scores, "scores.csv"),
    "search": (_document, "search.json"),
}
