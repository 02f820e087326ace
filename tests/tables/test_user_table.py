"""Tables that users bring: what is read, and what is refused with its line and column."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest

from ghn.analysis.compare import compare
from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.spaces import DARTS, NASBench201
from ghn.spaces.candidates import choose_references
from ghn.tables.twins import Functions
from ghn.tables.user_table import read_user_table

SPACE = NASBench201((3, 8, 8), classes=4, width=4, depth=1)
GENOTYPES = DARTS((3, 8, 8), classes=4, width=2, depth=4)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "own-table.md"
ARCHS = [SPACE.format(arch) for arch in SPACE.distinct()[1000:1014]]


def accuracies(n=12):
    return [0.5 + i / 100 for i in range(n)]


def write(tmp_path, columns, space=SPACE, **how):
    """Writes columns of equal length as a CSV and reads it."""
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return read_user_table(path, space, **how)


def changed(tmp_path, row=None, **more):
    """Reads a good table in which some columns are others, or one cell: `row=(i, column, text)`."""
    columns = {"arch": ARCHS[:12], "accuracy": accuracies(), **more}
    if row is not None:
        i, name, text = row
        columns[name] = list(columns[name])
        columns[name][i] = text
    return write(tmp_path, columns)


def text_table(tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return read_user_table(path, SPACE)


class TestWhatIsRead:
    def test_the_least_table(self, tmp_path):
        table = changed(tmp_path)
        assert table.name == "mine"
        assert table.archs == tuple(ARCHS[:12])
        assert table.accuracy.tolist() == accuracies()
        assert (table.unit, table.seeds, table.curves, table.scores, table.seconds) == ("fraction", None, None, {}, {})
        assert table.warnings == ()

    def test_everything_at_once_in_any_order_of_columns(self, tmp_path):
        n = range(12)
        table = write(
            tmp_path,
            {
                "epoch_4": [0.4] * 12,
                "seconds:mine": [i if i else "" for i in n],
                "Accuracy_2": [0.6 if i < 3 else "" for i in n],
                "score:mine": [-i if i != 5 else "" for i in n],
                "Architecture": ARCHS[:12],
                "accuracy": accuracies(),
                "score: My Proxy": [1e6 * i for i in n],
                "Epoch 2": [0.2 if i else "" for i in n],
            },
        )
        np.testing.assert_array_equal(table.seeds[:4], [[0.5, 0.6], [0.51, 0.6], [0.52, 0.6], [0.53, np.nan]])
        np.testing.assert_allclose(table.accuracy[:4], [0.55, 0.555, 0.56, 0.53])
        assert table.curves.epochs == (2, 4)
        assert table.curves.ids == table.archs
        np.testing.assert_array_equal(table.curves.val_accuracy[:2], [[np.nan, 0.4], [0.2, 0.4]])
        assert list(table.scores) == ["mine", "My Proxy"]
        assert np.flatnonzero(np.isnan(table.scores["mine"])).tolist() == [5]
        assert table.seconds["My Proxy"] is None
        np.testing.assert_array_equal(table.seconds["mine"][:3], [np.nan, 1, 2])

    def test_the_example_of_the_docs(self, tmp_path):
        example = re.search(r"^arch,.*?(?=^```)", DOCS.read_text(), re.DOTALL | re.MULTILINE).group()
        table = text_table(tmp_path, example + "".join(f"{arch},0.5,,,,1,\n" for arch in ARCHS[:7]))
        assert np.isnan(table.scores["mine"][:3]).tolist() == [False, False, True]
        assert table.curves.lengths.tolist() == [2, 2, 1] + [0] * 7
        assert table.accuracy[:2] == pytest.approx([0.919, 0.843])

    def test_it_is_what_compare_takes(self, tmp_path):
        score = [3 * a for a in accuracies()]
        score[4] = ""
        table = changed(tmp_path, **{"score:mine": score, "seconds:mine": [2.0] * 12, "accuracy_2": accuracies()})
        costs = {name: seconds for name, seconds in table.seconds.items() if seconds is not None}
        found = compare(table.scores, table.accuracy, ids=table.archs, seeds=table.seeds, seconds=costs, bootstrap=0)
        assert (found.n, found.row("mine").failed, found.row("mine").seconds) == (11, 1, 2.0)
        assert found.row("mine").get("kendall").value == 1

    def test_percent_become_fractions(self, tmp_path):
        table = changed(tmp_path, accuracy=[1.0, 0, *range(10, 20)], epoch_1=[0.5] * 11 + [9])
        assert table.unit == "percent"
        np.testing.assert_allclose(table.accuracy[:4], [0.01, 0, 0.1, 0.11])
        np.testing.assert_allclose(table.curves.val_accuracy[-2:, 0], [0.005, 0.09])

    def test_genotypes_are_quoted(self, tmp_path):
        rng = Random(0)
        archs = [GENOTYPES.format(GENOTYPES.sample(rng)) for _ in range(12)]
        spaced = [arch.replace("range(2, 6)", "[2, 3, 4, 5]") for arch in archs]
        table = write(tmp_path, {"arch": spaced, "accuracy": accuracies()}, GENOTYPES)
        assert table.archs == tuple(archs)

    def test_blank_lines_and_ends_of_lines_do_not_matter(self, tmp_path):
        lines = [f'\r\n "{arch}", {a} ,\r\n' for arch, a in zip(ARCHS[:12], accuracies(), strict=True)]
        table = text_table(tmp_path, "\ufeffarch,accuracy,\r\n" + "".join(lines))
        assert table.accuracy.tolist() == accuracies()

    def test_constant_scores_and_empty_curves_are_warned_of(self, tmp_path):
        table = changed(tmp_path, **{"score:flat": [2] * 11 + [""], "epoch_1": [""] * 12, "seconds:flat": [""] * 12})
        assert "flat gives every network the same score" in table.warnings[0]
        assert "no learning curves" in table.warnings[1]
        assert table.curves is None
        assert table.seconds == {"flat": None}

    def test_a_row_for_each_function_of_the_space(self, tmp_path):
        archs = [SPACE.format(arch) for arch in SPACE.distinct()]
        table = write(tmp_path, {"arch": archs, "accuracy": np.linspace(0.1, 0.9, len(archs))})
        assert (len(table), table.archs[-1]) == (4930, archs[-1])


def headed(header):
    return f"{header}\n" + "".join(f"{arch},{a}\n" for arch, a in zip(ARCHS, accuracies(14), strict=True))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "mine.csv is empty"),
        ("\n\n", "mine.csv is empty"),
        ("arch,accuracy\n", "too few networks"),
        (f"{ARCHS[0]},0.5\n{ARCHS[1]},0.6\n", "line 1: there is no header"),
        ("\narch\n", "line 2: there is no column accuracy"),
        ("accuracy\n0.5\n", "there is no column arch"),
        (headed("architectur,accuracy"), "column 1: unknown column(.|\n)*did you mean architecture"),
        (headed("arch,acc"), "column 2: unknown column(.|\n)*did you mean accuracy"),
        (headed("arch,accuracy,accuracy_two"), "column 3: unknown column(.|\n)*did you mean accuracy_2"),
        (headed("arch,accuracy,accuracy_1"), "column 3: unknown column(.|\n)*did you mean accuracy"),
        (headed("arch,accuracy,epoch_0"), "column 3: unknown column(.|\n)*did you mean epoch_1"),
        (headed("arch,accuracy,my proxy"), "name it score:my proxy"),
        (headed("arch,accuracy,score:"), "name the estimator: score:NAME"),
        (headed(",arch,accuracy"), "index=False"),
        (headed("arch;accuracy"), "put commas between cells"),
        (headed("arch,accuracy,architecture"), "column 3: a column is there twice"),
        (headed("arch,accuracy,epoch_1,epoch 01"), "column 4: a column is there twice"),
        (headed("arch,accuracy,score:one,score:one"), "column 4: a column is there twice"),
        (headed("arch,accuracy,score:mine,seconds:mime"), "column 4: seconds of(.|\n)*did you mean seconds:mine"),
        (headed("arch,accuracy,seconds:mine"), "add score:mine"),
        ('arch,accuracy\n"|none~0|,0.5\n|none~0|,0.6\n', "cannot be read as CSV, line 2"),
        (headed("arch,accuracy") + f"{ARCHS[0]},0.5,0.7\n", "line 16: more cells(.|\n)*quotes"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        text_table(tmp_path, text)


def test_files_that_are_no_csv_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read"):
        read_user_table(tmp_path / "nowhere.csv", SPACE)
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_user_table(tmp_path, SPACE)
    (tmp_path / "bytes.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_user_table(tmp_path / "bytes.csv", SPACE)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((3, "accuracy", ""), r"line 5, column 2 \(accuracy\)(.|\n)*got: +nothing(.|\n)*leave networks"),
        ((3, "accuracy", "nan"), r"line 5, column 2 \(accuracy\)(.|\n)*got: +nan(.|\n)*leave networks"),
        ((3, "accuracy", "high"), r"line 5, column 2 \(accuracy\)(.|\n)*got: +high"),
        ((3, "accuracy", "93 %"), r"line 5, column 2 \(accuracy\)(.|\n)*to do: +write 93$"),
        ((3, "accuracy", "inf"), r"line 5, column 2 \(accuracy\)"),
        ((3, "accuracy", "-0.1"), r"line 5, column 2 \(accuracy\)(.|\n)*expected: an accuracy(.|\n)*not losses"),
        ((3, "accuracy", "130"), r"line 5, column 2 \(accuracy\)(.|\n)*expected: an accuracy"),
        ((3, "accuracy", "93.5"), r"mixed(.|\n)*93\.5 in .*line 5(.|\n)* and 0\.5 in .*line 2"),
        ((3, "accuracy_2", "93.5"), r"mixed(.|\n)*93\.5 in .*line 5, column 3"),
        ((3, "accuracy_2", "nan"), r"line 5, column 3 \(accuracy_2\)(.|\n)*leave the cell empty"),
        ((3, "epoch_1", "30.5"), r"mixed(.|\n)*30\.5 in .*line 5, column 4"),
        ((3, "epoch_1", "x"), r"line 5, column 4 \(epoch_1\)"),
        ((3, "score:mine", "nan"), r"line 5, column 5 \(score:mine\)(.|\n)*leave the cell empty"),
        ((3, "score:mine", "inf"), r"line 5, column 5 \(score:mine\)"),
        ((3, "seconds:mine", "-1"), r"line 5, column 6 \(seconds:mine\)(.|\n)*0 or more"),
        ((3, "seconds:mine", "2 s"), r"line 5, column 6 \(seconds:mine\)"),
        ((3, "arch", ""), r"line 5, column 1 \(arch\)(.|\n)*nothing"),
        ((3, "accuracy", "93,18%"), r"line 5, column 2 \(accuracy\)(.|\n)*to do: +write 93\.18$"),
    ],
)
def test_a_bad_cell_is_named(tmp_path, row, says):
    more = {"accuracy_2": accuracies(), "epoch_1": accuracies(), "score:mine": range(12), "seconds:mine": [1] * 12}
    with pytest.raises(DataError, match=says):
        changed(tmp_path, row, **more)


def test_epochs_all_in_fractions_beside_percent_are_a_mixture(tmp_path):
    with pytest.raises(DataError, match=r"mixed(.|\n)*50\.0 in .*line 2, column 2(.|\n)* and 0\.5 in .*column 3"):
        changed(tmp_path, accuracy=[100 * a for a in accuracies()], epoch_1=accuracies())


def test_architectures_of_another_space_are_named_with_the_spaces_own_message(tmp_path):
    genotype = GENOTYPES.format(GENOTYPES.sample(Random(0)))
    with pytest.raises(ArchitectureError, match=r"line 4, column 1 \(arch\) is not of the space nasbench201"):
        changed(tmp_path, (2, "arch", genotype))
    with pytest.raises(ArchitectureError, match=r"line 2, .* the space darts(.|\n)*malformed genotype"):
        write(tmp_path, {"arch": ARCHS[:12], "accuracy": accuracies()}, GENOTYPES)


FIRST = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
SECOND = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"  # computes the same


class TestTwins:
    def columns(self):
        archs = [*ARCHS[:2], FIRST, *ARCHS[2:10], SECOND, ARCHS[0]]
        return {
            "arch": archs,
            "accuracy": accuracies(13),
            "accuracy_2": [0.7 if i == 11 else "" for i in range(13)],
            "epoch_1": [0.1 + i / 100 for i in range(13)],
            "epoch_2": ["" if i == 2 else 0.3 for i in range(13)],
            "score:mine": ["" if i in (0, 2) else i for i in range(13)],
            "seconds:mine": list(range(13)),
        }

    def test_are_one_network_with_their_mean_and_a_line_says_so(self, tmp_path):
        table = write(tmp_path, self.columns())
        assert table.archs == (*ARCHS[:2], FIRST, *ARCHS[2:10])
        np.testing.assert_allclose(table.seeds[[0, 2]], [[0.56, np.nan], [0.565, 0.7]])
        np.testing.assert_allclose(table.accuracy[:3], [0.56, 0.51, 0.6325])
        np.testing.assert_allclose(table.scores["mine"][:3], [12, 1, 11])
        np.testing.assert_allclose(table.seconds["mine"][:3], [6, 1, 6.5])
        # no jump from the mean of two curves to one of them
        np.testing.assert_allclose(table.curves.val_accuracy[[0, 2]], [[0.16, 0.3], [0.21, 0.3]])
        (said,) = table.warnings
        assert "2 functions" in said and "(lines 2 and 14; lines 4 and 13)" in said and "mean of its rows" in said

    def test_or_the_first_of_them(self, tmp_path):
        table = write(tmp_path, self.columns(), twins="first")
        np.testing.assert_allclose(table.accuracy[:3], [0.5, 0.51, 0.52])
        assert np.isnan(table.scores["mine"][[0, 2]]).all()
        assert "its first row" in table.warnings[0]

    def test_or_refused_with_all_of_them_named(self, tmp_path):
        with pytest.raises(DataError) as error:
            write(tmp_path, self.columns(), twins="refuse")
        assert f"lines 2 and 14: the same network, {ARCHS[0]}" in str(error.value)
        assert f"lines 4 and 13: one function, {FIRST} and {SECOND}" in str(error.value)
        assert "accuracy_2" in str(error.value) and "twins=mean" in str(error.value)

    def test_without_any_nothing_is_said_or_refused(self, tmp_path):
        assert write(tmp_path, {"arch": ARCHS[:12], "accuracy": accuracies()}, twins="refuse").warnings == ()

    def test_too_few_are_counted_without_them(self, tmp_path):
        with pytest.raises(DataError, match=r"too few networks(.|\n)*got: +6"):
            changed(tmp_path, arch=2 * ARCHS[:6])

    def test_another_way_is_refused(self, tmp_path):
        with pytest.raises(ConfigError, match=r"way with twins(.|\n)*mean \| first \| refuse"):
            write(tmp_path, self.columns(), twins="best")

    def test_random_cells_are_read_and_a_report_is_told(self, tmp_path):
        rng = Random(1)
        archs = [SPACE.format(SPACE.sample(rng)) for _ in range(400)]
        path = tmp_path / "mine.csv"
        path.write_text("arch,accuracy\n" + "".join(f"{arch},{i / 500}\n" for i, arch in enumerate(archs)))
        (reference,) = choose_references(str(path), [], SPACE, "any")
        assert len(reference.values) == len({SPACE.canonical(SPACE.parse(arch)) for arch in archs}) < 400
        assert "stand in several rows" in reference.note

    def test_one_function_is_told_as_one(self):
        note = Functions.of(["a", "b", "b"], "mean").check("mine.csv", [2, 3, 4], ARCHS[:3])
        assert note is not None and note.startswith("1 function of mine.csv stands in several rows")


def test_too_few_constant_and_empty(tmp_path):
    with pytest.raises(DataError, match=r"too few networks(.|\n)*got: +9(.|\n)*at least 10"):
        write(tmp_path, {"arch": ARCHS[:9], "accuracy": accuracies(9)})
    with pytest.raises(DataError, match=r"all accuracies are equal(.|\n)*12 times 0\.5"):
        changed(tmp_path, accuracy=[50] * 12)
    with pytest.raises(DataError, match=r"column 3 \(score:mine\) holds no score"):
        changed(tmp_path, **{"score:mine": [""] * 12})
