"""The notebook of the examples runs from its first cell to its last, and shows what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "first_look.ipynb"
nbformat = pytest.importorskip("nbformat")


def test_it_is_kept_without_outputs_and_is_easy_to_read() -> None:
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert len(code) < 16 and max(len(line) for cell in notebook.cells for line in cell.source.splitlines()) <= 120
    assert NOTEBOOK.stat().st_size < 20_000


@pytest.mark.slow
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own network, train, rank, look, search: every cell, with pictures and cards where they are promised."""
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name, value in {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, 4)
    where = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=240, kernel_name="python3", resources=where).execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    assert not [one for one in outputs if one.output_type == "stream" and one.name == "stderr"]
    shown = [one.data for one in outputs if one.output_type != "stream"]
    assert sum("image/png" in data for data in shown) == 3  # training, scatter, search
    cards = [data["text/plain"].partition("(")[0] for data in shown if "text/html" in data]
    assert cards == [
        *("ImageTask", "FunctionSpace", "Network", "Model", "Scores", "Comparison", "SearchResult", "Network"),
    ]
