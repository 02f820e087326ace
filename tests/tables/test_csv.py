"""Curves that users bring."""

from __future__ import annotations

import numpy as np
import pytest

from ghn.errors import DataError
from ghn.tables.csv import read_curves_csv


def read(tmp_path, text):
    path = tmp_path / "curves.csv"
    path.write_text(text)
    return read_curves_csv(path)


def test_rows_without_a_header_are_epochs_from_one(tmp_path):
    curves = read(tmp_path, "small,0.1,0.2,0.3\nlarge, 0.2 ,0.4\n\nsmall,0.1,0.25,\n")
    assert curves.ids == ("small", "large", "small")
    assert curves.epochs == (1, 2, 3)
    np.testing.assert_array_equal(curves.val_accuracy, [[0.1, 0.2, 0.3], [0.2, 0.4, np.nan], [0.1, 0.25, np.nan]])
    assert curves.lengths.tolist() == [3, 2, 2]


def test_a_header_names_the_epochs_and_official_strings_are_names(tmp_path):
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    curves = read(tmp_path, f"\ufeffarch,epoch 2,epoch_4,10\n{cell},0.1,0.2,0.3\n")
    assert curves.ids == (cell,)
    assert curves.epochs == (2, 4, 10)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a,0.1,x\n", "line 1, column 3"),
        ("a,0.1,0.2\nb,120.5,0.2\n", "line 2, column 2"),
        ("a,0.1,nan\n", "line 1, column 3"),
        ("a,0.1,-0.2\n", "line 1, column 3"),
        ("a,0.1\n,0.2\n", "line 2, column 1"),
        ("name,1,3,2\na,0.1,0.2,0.3\n", "line 1, column 4"),
        ("name,1,two\na,0.1,0.2\n", "line 1, column 3"),
        ("name,1\na,0.1,0.2\n", "line 2"),
        ("name\na,0.1\n", "line 1"),
        ("", "no learning curves"),
        ("name,1,2\n", "no learning curves"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, where):
    with pytest.raises(DataError, match=where):
        read(tmp_path, text)


def test_percent_become_fractions(tmp_path):
    curves = read(tmp_path, "a,0.9,55.2,61\nb,12,,\nc,0,0,0\n")  # the first epoch of a is below one percent
    np.testing.assert_allclose(
        curves.val_accuracy, [[0.009, 0.552, 0.61], [0.12, np.nan, np.nan], [0, 0, 0]], equal_nan=True
    )
    with pytest.raises(DataError, match=r"mixed(.|\n)*percent in line 2, fractions in line 1"):
        read(tmp_path, "a,0.9,0.8\nb,12,13\n")


@pytest.mark.parametrize("first", ["index", "run", "Model", "", "Netz"])
def test_any_first_line_without_numbers_is_a_header(tmp_path, first):
    curves = read(tmp_path, f"{first},epoch_1,Epoch 3\n0,0.1,0.2\n1,0.3,0.4\n")
    assert (curves.ids, curves.epochs) == (("0", "1"), (1, 3))


@pytest.mark.parametrize(
    ("cell", "advice"),
    [("93.18%", "write 93.18"), ("93,18", "write 93.18"), ("93,18%", "write 93.18"), ("93,18 %", "write 93.18")],
)
def test_advice_can_be_followed(tmp_path, cell, advice):
    with pytest.raises(DataError, match=rf"to do: +{advice}$"):
        read(tmp_path, f'a,90,"{cell}"\n')
    read(tmp_path, f"a,90,{advice.split()[1]}\n")


def test_what_no_point_makes_a_number_gets_no_such_advice(tmp_path):
    with pytest.raises(DataError, match="leave the cell empty"):
        read(tmp_path, 'a,0.1,"1,2,3"\n')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_curves_csv(tmp_path / "nowhere.csv")
