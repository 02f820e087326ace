"""Tasks by name."""

import pytest

from ghn.errors import ConfigError
from ghn.tasks import TASKS, make_task


def test_unknown_names_and_options_are_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean cifar10_embedded") as caught:
        make_task("cifar10_embeded")
    assert all(name in str(caught.value) for name in TASKS)
    with pytest.raises(ConfigError, match=r"(?s)option of task cifar10.*did you mean size"):
        make_task("cifar10", sise=16)
    with pytest.raises(ConfigError, match="needs the option root"):
        make_task("image_folder")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "csv",
            {"path": "a.csv", "target": "y", "val_share": "half"},
            r"val_share of task csv(?s:.*)half(?s:.*)a number",
        ),
        (
            "csv",
            {"path": "a.csv", "target": 3},
            r"target of task csv(?s:.*)3\n +expected: text, or a list, each text",
        ),
        ("dataset", {"train": [], "workers": "two"}, r"option workers(?s:.*)'two'\n +expected: a whole number"),
        ("dataset", {"train": [], "columns": ["image"]}, "option columns"),
        ("cifar10", {"download": "no"}, r"option download(?s:.*)'no'\n +expected: true or false"),
        ("image_folder", {"root": "x", "size": [1, 2, 3]}, r"option size(?s:.*)\[1, 2, 3\]"),
    ],
)
def test_options_of_a_wrong_type_are_told(name, options, message):
    with pytest.raises(ConfigError, match=message):
        make_task(name, **options)
