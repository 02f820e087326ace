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
