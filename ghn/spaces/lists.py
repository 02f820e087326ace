"""Lists of architectures in files, in whatever way their space reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ghn.errors import ArchitectureError
from ghn.reading import from_json, open_plain, read_text, reading
from ghn.types import NamedInSource, Space

LONGEST = 1 << 20  # bytes of a line
EXPECTED = (
    "architectures of the space, one a line; a .json list of them, or one with the lists random, top and three_seeds; "
    "or a .py file with NAME = Genotype(...)"
)


class Listed(NamedTuple):
    """The official strings of a file, and those of them that are to be trained with every seed."""

    every: list[str]
    several: list[str]


def read_architectures(path: Path, space: Space[Any]) -> Listed:
    """Reads a list of architectures: a text file, a `.json`, or a `.py` file, which is not run.

    What is no string in JSON, such as NASLib's `[0, 2, 1, 1, 3, 4]` or an object of choices, is read as its own text.

    Raises:
        DataError: the file is missing or no list.
        ArchitectureError: what it holds is not of the space; says where.
    """
    with reading(f"{path} is not a list of architectures", expected=EXPECTED):
        text = read_text(path)
        if path.suffix == ".py":
            return _of_source(path, text, space)
        lines = [line.strip() for line in text.splitlines() if line.strip()]  # a genotype has blanks within
        content = from_json(text) if path.suffix == ".json" else lines
        lists: Mapping[str, Any] = {"random": content, "top": []} if isinstance(content, list) else content
        every = [*lists["random"], *lists["top"]]
        several = lists.get("three_seeds", every)
        if not all(isinstance(one, str | list | dict) for one in (*every, *several)):
            raise TypeError("numbers in place of architectures")
    return Listed(_official(path, every, space), _official(path, several, space))


def stream_architectures(path: Path, space: Space[Any]) -> Iterator[str]:
    """The architectures of a file as they stand there, one after the other: lines of a text file are not kept in
    memory, nor looked at; other files are read as in `read_architectures`.

    Raises:
        DataError: the file is missing or no list.
        ArchitectureError: what a file that is no text file holds is not of the space.
    """
    if path.suffix in (".json", ".py"):
        yield from read_architectures(path, space).every
        return
    with (
        reading(f"{path} is not a list of architectures", expected=EXPECTED),
        open_plain(path) as file,
    ):
        while line := file.readline(LONGEST + 1):
            if len(line) > LONGEST:
                raise ValueError(f"a line of more than {LONGEST} bytes")
            if text := line.decode().strip():
                yield text


def _of_source(path: Path, text: str, space: Space[Any]) -> Listed:
    """The architectures that a file of source code names."""
    if not isinstance(space, NamedInSource):
        raise TypeError(f"members of the space {space.name} do not stand in source code")
    try:
        found = [space.format(arch) for arch in space.from_source(text).values()]
    except ArchitectureError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    every = list(dict.fromkeys(found))
    return Listed(every, every)


def _official(path: Path, archs: Sequence[Any], space: Space[Any]) -> list[str]:
    found = []
    for number, arch in enumerate(archs, start=1):
        try:
            found.append(space.format(space.parse(arch if isinstance(arch, str) else json.dumps(arch))))
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}, architecture {number}: {error}") from None
    return found
