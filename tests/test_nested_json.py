"""JSON from elsewhere that is nested too deeply is refused by every reader as the damaged file that it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from ghn.errors import GhnError
from ghn.graph import Graph
from ghn.report.model import read_report
from ghn.scoring.load import load
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.tables.references import ReferenceTable

DEEP = "[" * 100_000 + "]" * 100_000
READERS: dict[str, Callable[[Path], Any]] = {
    "references": ReferenceTable.load,
    "report": read_report,
    "sample": load_sample,
    "graph": lambda path: Graph.from_json(path.read_text()),
    "checkpoint": load,
}


@pytest.mark.parametrize("name", READERS)
def test_it_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(DEEP)
    if name == "checkpoint":
        path.write_bytes(save({"x": torch.zeros(1)}, {"ghn": DEEP}))
    with pytest.raises(GhnError, match=r"nested too deeply|not JSON"):
        READERS[name](path)
