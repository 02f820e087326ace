"""job=score: what it takes, what it writes, and what is refused before anything is scored."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from job_cases import keys_for

from ghn.app.jobs import run_job
from ghn.app.score import COLUMNS, candidates_of
from ghn.errors import ConfigError, DataError, EstimatorError, ExistsError
from ghn.locks import holds_results, locked
from ghn.spaces import DeepNets, NASBench201


def score(out: Path, **changes: Any) -> list[dict[str, str]]:
    run_job(keys_for("score", **{"estimator": "params", "chunk": 2, "out": str(out), **changes}).model_dump())
    with (out / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_scored_and_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space, archs = NASBench201((3, 16, 16), 10, width=8, depth=1), tmp_path / "archs.txt"
    texts = [space.format(cell) for cell in islice(space, 3000, 3300, 60)]
    archs.write_text("\n\n".join([*texts[:3], "|fft~0|"]) + "\n")
    rows = score(tmp_path / "out", archs=str(archs))
    assert [row["architecture"] for row in rows] == [*texts[:3], "|fft~0|"] and tuple(rows[0]) == COLUMNS
    assert all(float(row["value"]) > 0 and row["hash"] and not row["error"] for row in rows[:3])
    assert rows[3]["value"] == rows[3]["hash"] == "" and "fft" in rows[3]["error"]
    assert "4 architectures, 1 of them failed" in capsys.readouterr().out
    with pytest.raises(ExistsError, match="there are scores already"):
        score(tmp_path / "out", archs=str(archs))
    archs.write_text(archs.read_text() + "\n".join(texts))
    again = score(tmp_path / "out", archs=str(archs), resume=True)
    assert "6 architectures (3 repeats are left out), 1 of" in capsys.readouterr().out
    assert again[:4] == rows and [row["architecture"] for row in again[4:]] == texts[3:]
    with pytest.raises(DataError, match="other settings"):
        score(tmp_path / "out", archs=str(archs), resume=True, estimator="flops")


def test_where_not_one_can_be_scored_it_says_so(tmp_path: Path) -> None:
    prose = tmp_path / "README.md"
    prose.write_text("# A title\n\nSome words.\n")
    with pytest.raises(EstimatorError, match=r"all 2 architectures failed[\s\S]*malformed[\s\S]*scores\.csv"):
        score(tmp_path / "out", archs=str(prose))
    assert (tmp_path / "out" / "scores.csv").exists()


def test_candidates_are_drawn_or_listed() -> None:
    space = NASBench201((3, 8, 8), 4)
    assert list(candidates_of(space, 6))[:4] == list(candidates_of(space, 4))
    assert list(islice(candidates_of(space, "all"), 3)) == [space.format(cell) for cell in space.distinct()[:3]]
    with pytest.raises(ConfigError, match="cannot list its networks"):
        candidates_of(DeepNets((3, 8, 8), 4), "all")
    with pytest.raises(DataError, match=r"none\.txt is not a list of architectures"):
        list(candidates_of(space, "none.txt"))


def test_what_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = locked(out)
    thread = Thread(target=other.__enter__)
    thread.start()
    thread.join()
    with pytest.raises(ExistsError, match="another run writes into this folder"):
        score(out, archs=2)
    other.__exit__(None, None, None)
    with pytest.raises(ConfigError, match="by one another"):
        score(out, archs=2, estimator="ensemble", ensemble={"members": ["params", "flops"]})
    with pytest.raises(ConfigError, match="one estimator"):
        score(out, archs=2, estimator="random_init", readout=["loss", "accuracy"])
    with pytest.raises(ConfigError, match="address is of a Ray cluster"):
        score(out, archs=2, address="auto")
    assert not holds_results(out)
