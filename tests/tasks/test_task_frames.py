"""Tables: pandas frames and CSV files."""

import numpy as np
import pandas as pd
import pytest

from ghn.errors import ConfigError, DataError
from ghn.tasks import from_frame, make_task

N = 40
FRAME = pd.DataFrame(
    {
        "age": np.arange(N) % 7 + 20,
        "town": np.array(["York", "Bath"])[np.arange(N) % 2],
        "member": np.arange(N) % 3 == 0,
        "price": np.linspace(1.5, 90.0, N),
        "grade": np.arange(N) % 3 + 1,
    }
)


def test_numbers_are_standardised_and_categories_one_hot():
    task = from_frame("t", FRAME, "price", drop=["grade"])
    assert task.input_shape == (1 + 2 + 2,) and task.describe()["kind"] == "regression"
    x, _ = next(task.train.batches(N))
    assert len(set(x[:, 1].tolist())) == 2, "York or Bath"


def test_what_a_target_is_follows_from_its_column_or_is_said():
    assert from_frame("t", FRAME, "town").describe()["class_names"] == ["Bath", "York"]
    grades = from_frame("t", FRAME, "grade")
    assert grades.output_shape == (3,) and grades.describe()["class_names"] == ["1", "2", "3"], "labels from 1"
    assert from_frame("t", FRAME, "grade", kind="regression").output_shape == (1,)
    assert from_frame("t", FRAME, ["age", "price"], kind="regression").output_shape == (2,)
    many = pd.DataFrame({"x": np.arange(300.0), "y": np.arange(300)})
    with pytest.raises(ConfigError, match=r"300 different ones in column 'y'(?s:.*)kind=regression"):
        from_frame("t", many, "y")
    with pytest.raises(ConfigError, match="kind=regression or kind=multi_label"):
        from_frame("t", FRAME, ["age", "price"])


def test_wrong_tables_are_refused_with_the_column():
    with pytest.raises(DataError, match=r"no column 'cost'(?s:.*)price"):
        from_frame("t", FRAME, "cost")
    with pytest.raises(DataError, match="no such column to drop"):
        from_frame("t", FRAME, "price", drop=["cost"])
    with pytest.raises(DataError, match="no columns to learn from"):
        from_frame("t", FRAME[["price"]], "price")
    ids = pd.concat([FRAME] * 4).assign(name=[f"row {i}" for i in range(4 * N)])
    with pytest.raises(DataError, match=r"column 'name' seems to name the rows(?s:.*)160(?s:.*)drop="):
        from_frame("t", ids, "price")
    holes = FRAME.assign(age=FRAME["age"].where(FRAME.index != 5))
    with pytest.raises(DataError, match=r"empty cells in column 'age'(?s:.*)1 of 40, the first in row 5(?s:.*)dropna"):
        from_frame("t", holes, "price")
    with pytest.raises(DataError, match=r"split val: a category of column 'town'(?s:.*)'Rome'(?s:.*)York"):
        from_frame("t", FRAME, "price", val=FRAME.assign(town="Rome"))


def test_csv_by_name(tmp_path):
    FRAME.to_csv(tmp_path / "houses.csv", index=False)
    task = make_task("csv", path=str(tmp_path / "houses.csv"), target="town", drop=["grade"])
    assert task.name == "csv:houses"
    assert task.checksum == from_frame("t", FRAME, "town", drop=["grade"]).checksum
    with pytest.raises(DataError, match="cannot be read as CSV"):
        make_task("csv", path=str(tmp_path / "nothing.csv"), target="town")
    with pytest.raises(ConfigError, match="needs the option target"):
        make_task("csv", path=str(tmp_path / "houses.csv"))
