"""Reference tables on disk: the format, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_cases import HEADER, A, run, table

from ghn.errors import DataError, ExistsError
from ghn.lines import decode_line
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.tables.storage import decode, encode_header, encode_run


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    table().save(tmp_path / "table.jsonl")
    return tmp_path / "table.jsonl"


class TestFormat:
    @pytest.mark.parametrize("name", ["table.jsonl", "table.jsonl.gz"])
    def test_round_trip(self, tmp_path: Path, name: str) -> None:
        table().save(tmp_path / name)
        assert ReferenceTable.load(tmp_path / name) == table()

    def test_same_table_same_bytes(self, tmp_path: Path) -> None:
        table().save(tmp_path / "a.gz")
        table().save(tmp_path / "b.gz")
        assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()

    def test_one_line_a_run(self, saved: Path) -> None:
        lines = saved.read_text().splitlines()
        assert json.loads(lines[0])["schema"] == "ghn.references/1"
        assert [json.loads(line)["seed"] for line in lines[1:-1]] == [1, 0, 0]
        assert decode_line(lines[-1].encode()) == {"end": 3}
        assert "epochs" not in json.loads(lines[1])

    def test_never_overwrites_unasked(self, saved: Path) -> None:
        with pytest.raises(ExistsError, match="overwrite=True"):
            table().save(saved)
        ReferenceTable(HEADER).save(saved, overwrite=True)
        assert len(ReferenceTable.load(saved)) == 0
        assert [p.name for p in saved.parent.iterdir()] == [saved.name]

    @given(
        losses=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5),
        accuracy=st.none() | st.floats(0, 1),
        gap=st.integers(1, 4),
    )
    def test_any_run_round_trips(self, losses: list[float], accuracy: float | None, gap: int) -> None:
        epochs = tuple(range(gap, gap * (len(losses) + 1), gap))
        one = Run(A, 3, val_loss=tuple(losses), test_accuracy=accuracy, epochs=epochs)
        text = encode_header(HEADER) + encode_run(one)
        assert decode(text.encode(), "x", resume=True)[:2] == (HEADER, [one])


def broken(**changes: object) -> str:
    row = decode_line(encode_run(run(seed=9)).encode()) | changes
    return json.dumps({k: v for k, v in row.items() if v != "drop"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (broken(val_accuracy=[0.1, math.nan, 0.3]), r"line 5, field val_accuracy\[1\]"),
            (broken(train_loss=[1.0, math.inf, 0.3]), r"line 5, field train_loss\[1\]"),
            (broken(val_accuracy=[10.0, 30.0, 50.0]), "fraction in .0, 1., not percent"),
            (broken(val_accuracy=[0.1, 0.2]), "field val_accuracy(.|\n)*equal length"),
            (broken(val_accuracy=["0.1", 0.2, 0.3]), r"field val_accuracy\[0\]"),
            (broken(val_loss=1.0), "field val_loss"),
            (broken(test_accuracy=50.2), "field test_accuracy"),
            (broken(test_accuracy=True), "field test_accuracy"),
            (broken(seconds=-1), "field seconds"),
            (broken(params=1.5), "field params"),
            (broken(seed="0"), "field seed"),
            (broken(arch="drop"), "line 5, field arch"),
            (broken(epochs=[1, 3]), "field epochs"),
            (broken(epochs=[1, 3, 2]), "field epochs"),
            (broken(accuracy=0.1), "field accuracy(.|\n)*unknown field"),
            ('{"arch": "x", "seed": 0}', "no reading at all"),
            (broken(seed=1), "fields arch and seed(.|\n)*line 2"),
            ("not json", "line 5: not JSON"),
            ("[1, 2]", "line 5: not an object"),
            ("", "line 5: not JSON"),
        ],
    )
    def test_line_and_field(self, saved: Path, line: str, reason: str) -> None:
        lines = saved.read_text().splitlines()
        saved.write_text("\n".join([*lines[:-1], line]) + "\n")
        with pytest.raises(DataError, match=reason):
            ReferenceTable.load(saved)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"schema": "ghn.references/2"}, "line 1, field schema"),
            ({"schema": None}, "line 1, field schema"),
            ({"space": ""}, "line 1, field space"),
            ({"task": 3}, "line 1, field task"),
            ({"recipe": []}, "line 1, field recipe"),
            ({"recipe": {"lr": math.nan}}, "line 1, field recipe"),
            ({"colour": "red"}, "line 1, field colour"),
        ],
    )
    def test_header(self, saved: Path, change: dict[str, object], reason: str) -> None:
        first, rest = saved.read_text().split("\n", 1)
        saved.write_text(json.dumps(decode_line(first.encode()) | change) + "\n" + rest)
        with pytest.raises(DataError, match=reason):
            ReferenceTable.load(saved)

    def test_missing_empty_or_binary(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no reference table"):
            ReferenceTable.load(tmp_path / "nothing.jsonl")
        for i, content in enumerate([b"", b"\x80\x04\x95\x00", b"\n"]):
            (tmp_path / f"{i}.jsonl").write_bytes(content)
            with pytest.raises(DataError, match="line 1"):
                ReferenceTable.load(tmp_path / f"{i}.jsonl")

    def test_every_truncation_is_noticed(self, saved: Path) -> None:
        whole = saved.read_bytes()
        ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
        for cut in [*range(0, len(whole) - 1, 37), *ends[:-1]]:
            saved.write_bytes(whole[:cut])
            with pytest.raises(DataError, match="line"):
                ReferenceTable.load(saved)
            if cut in ends:
                assert len(ReferenceTable.load(saved, resume=True)) == ends.index(cut)

    def test_line_lost_or_doubled_in_a_finished_table(self, saved: Path) -> None:
        lines = saved.read_text().splitlines(keepends=True)
        saved.write_text("".join(lines[:2] + lines[3:]))
        with pytest.raises(DataError, match="runs are missing or added"):
            ReferenceTable.load(saved)
        saved.write_text("".join(lines + lines[1:]))
        with pytest.raises(DataError, match="goes on after its end"):
            ReferenceTable.load(saved)

    def test_damaged_gzip(self, tmp_path: Path) -> None:
        table().save(tmp_path / "t.gz")
        (tmp_path / "t.gz").write_bytes((tmp_path / "t.gz").read_bytes()[:-20])
        with pytest.raises(DataError, match="gzip"):
            ReferenceTable.load(tmp_path / "t.gz")
        (tmp_path / "u.gz").write_bytes(b"plain")
        with pytest.raises(DataError, match="gzip"):
            ReferenceTable.load(tmp_path / "u.gz")

    def test_in_python(self) -> None:
        with pytest.raises(DataError, match=r"field test_accuracy of a reference run(.|\n)*a fraction"):
            run(test_accuracy=math.nan)
        with pytest.raises(DataError, match="twice"):
            ReferenceTable(HEADER, (run(), run()))
        with pytest.raises(DataError, match="field recipe of a table's header"):
            TableHeader("s", "t", recipe={"epochs": math.inf})

    def test_curves_may_be_lists_or_arrays(self) -> None:
        one = Run(A, 0, val_accuracy=[0.1, 0.2], train_loss=np.array([2.0, 1.0]), epochs=range(1, 3))
        assert one == Run(A, 0, val_accuracy=(0.1, 0.2), train_loss=(2.0, 1.0))
        with pytest.raises(DataError, match=r"val_accuracy\[1\]"):
            Run(A, 0, val_accuracy=np.array([0.1, np.nan]))
