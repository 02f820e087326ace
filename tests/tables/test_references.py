"""Reference tables: appended to by a job that may be killed at any byte, and read."""

from __future__ import annotations

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from table_cases import HEADER, A, B, run, table

from ghn.errors import ConfigError, DataError
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.tables.storage import append_run


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    table().save(tmp_path / "table.jsonl")
    return tmp_path / "table.jsonl"


class TestAppend:
    def test_resume_appends_and_keeps(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "job.jsonl"
        assert len(ReferenceTable.resume(path, HEADER)) == 0
        append_run(path, run())
        append_run(path, run(B))
        again = ReferenceTable.resume(path, HEADER)
        assert (A, 0) in again and (A, 1) not in again
        assert again.archs() == [A, B]

    @pytest.mark.filterwarnings("ignore:.*cut while being written")
    def test_killed_at_any_byte(self, tmp_path: Path) -> None:
        path = tmp_path / "job.jsonl"
        ReferenceTable.resume(path, HEADER)
        append_run(path, run())
        one = path.read_bytes()
        append_run(path, run(B))
        two = path.read_bytes()
        for cut in [*range(len(one), len(two), 13), len(two) - 1]:
            path.write_bytes(two[:cut])
            done = len(ReferenceTable.resume(path, HEADER))
            assert done == (2 if cut == len(two) - 1 else 1)  # only the newline is missing: the run is whole
            append_run(path, run(B) if done == 1 else run(B, seed=5))
            assert len(ReferenceTable.load(path, resume=True)) == done + 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
    def test_finished_and_replaced_while_others_append(self, tmp_path: Path) -> None:
        """And begun at the same time: nobody's empty table takes the place of another's."""
        path, each = tmp_path / "job.jsonl", 8

        def append(worker: int) -> None:
            ReferenceTable.resume(path, HEADER)
            for seed in range(each):
                append_run(path, run(A, seed=worker * each + seed))

        def finish(_worker: int) -> None:
            for _ in range(each):
                assert len(ReferenceTable.finish(path, HEADER)) <= 3 * each

        begun = []
        for worker in range(4):
            if (pid := os.fork()) == 0:
                try:
                    (append if worker < 3 else finish)(worker)
                    os._exit(0)
                finally:
                    os._exit(1)
            begun.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in begun] == [0] * 4
        assert sorted(one.seed for one in ReferenceTable.finish(path, HEADER).runs) == list(range(3 * each))
        assert list(tmp_path.iterdir()) == [path]

    def test_torn_line_is_refused_or_dropped_with_a_warning(self, saved: Path) -> None:
        saved.write_bytes(saved.read_bytes()[:-40])
        with pytest.raises(DataError, match="line 4: the file is truncated in the middle of a line"):
            ReferenceTable.load(saved)
        with pytest.warns(UserWarning, match="line 4: dropped"):
            assert len(ReferenceTable.load(saved, resume=True)) == 2

    def test_damage_before_the_last_line_is_not_dropped(self, saved: Path) -> None:
        lines = saved.read_text().splitlines(keepends=True)
        saved.write_text("".join([lines[0], lines[1][:40] + "\n", *lines[2:]]))
        with pytest.raises(DataError, match="line 2"):
            ReferenceTable.load(saved, resume=True)

    def test_finished_table_is_opened_again(self, saved: Path) -> None:
        append_run(saved, run(B, seed=7))
        with pytest.raises(DataError, match="has not finished"):
            ReferenceTable.load(saved)
        ReferenceTable.resume(saved, HEADER).save(saved, overwrite=True)
        assert len(ReferenceTable.load(saved)) == 4

    def test_refusals(self, saved: Path, tmp_path: Path) -> None:
        before = saved.read_bytes()
        with pytest.raises(DataError, match="holds this run already"):
            append_run(saved, run())
        assert saved.read_bytes() == before
        with pytest.raises(DataError, match="resume"):
            append_run(tmp_path / "none.jsonl", run())
        table().save(tmp_path / "t.jsonl.gz")
        with pytest.raises(ConfigError, match="plain"):
            append_run(tmp_path / "t.jsonl.gz", run(seed=8))

    def test_other_settings_are_refused_on_resume(self, saved: Path) -> None:
        other = TableHeader(**{**vars(HEADER), "recipe": {"epochs": 20}})
        with pytest.raises(DataError, match="its recipe differs"):
            ReferenceTable.resume(saved, other)
        ReferenceTable.resume(saved, TableHeader(**{**vars(HEADER), "versions": {"torch": "3"}}))

    def test_two_writers_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "job.jsonl"
        ReferenceTable.resume(path, HEADER)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda seed: append_run(path, run(seed=seed)), range(40)))
        assert sorted(r.seed for r in ReferenceTable.load(path, resume=True).runs) == list(range(40))


class TestReading:
    def test_value(self) -> None:
        assert table().value() == pytest.approx({A: 0.55, B: 0.2})
        assert table().value(seed_mean=False) == {A: 0.5, B: 0.2}  # seed 0, though listed last
        assert table().value("test_accuracy") == pytest.approx({A: 0.54, B: 0.19})
        assert table().value(epoch=2) == pytest.approx({A: 0.3, B: 0.3})
        assert table().value("train_loss") == {A: 1.0, B: 1.0}

    def test_what_is_not_there(self) -> None:
        only_test = ReferenceTable(HEADER, (Run(A, 0, test_accuracy=0.5),))
        with pytest.raises(DataError, match=r"no run of the table has val_accuracy(.|\n)*test_accuracy"):
            only_test.value()
        with pytest.raises(ConfigError, match="unknown metric"):
            table().value("accuracy")
        with pytest.raises(DataError, match="epoch 4"):
            table().value(epoch=4)
        assert table().of("elsewhere") == ()
        assert ReferenceTable(HEADER).value() == {}

    def test_seeds(self) -> None:
        archs, values = table().seeds()
        assert archs == [A]
        np.testing.assert_allclose(values, [[0.5, 0.6]])
        three = ReferenceTable(HEADER, (*table().runs, run(seed=2, last=0.7), run(B, 1), run(B, 2)))
        archs, values = three.seeds("test_accuracy", least=3)
        assert archs == [A, B] and values.shape == (2, 3)
        archs, values = ReferenceTable(HEADER, (run(),)).seeds()
        assert archs == [] and values.shape == (0, 2)

    def test_curve(self) -> None:
        np.testing.assert_allclose(table().curve(A), [0.1, 0.3, 0.55])
        np.testing.assert_allclose(table().curve(A, seed=1), [0.1, 0.3, 0.6])
        for arch, seed in ((A, 5), ("elsewhere", None)):
            with pytest.raises(DataError, match="no single val_accuracy curve"):
                table().curve(arch, seed=seed)
        with pytest.raises(ConfigError, match="unknown curve"):
            table().curve(A, "test_accuracy")

    def test_numbers_of_numpy_are_numbers(self, tmp_path: Path) -> None:
        one = ReferenceTable(HEADER, (run(test_accuracy=np.float64(0.25)),))
        one.save(tmp_path / "t.jsonl.gz")
        assert b"0.25" in gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes())
