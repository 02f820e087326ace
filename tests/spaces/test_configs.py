"""Members as configurations, there and back, in every kind of space."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ghn.errors import ArchitectureError, ConfigError
from ghn.spaces import make_space
from ghn.spaces.configs import config_of, member_of_config, options_of
from ghn.types import Space

SETTINGS: dict[str, dict[str, Any]] = {
    "nasbench201": {"input_shape": (3, 8, 8), "classes": 4, "width": 4, "depth": 1},
    "nasbench101": {"input_shape": (3, 8, 8), "classes": 4},
    "macro": {"input_shape": (3, 8, 8), "classes": 4, "width": 4},
}


class Whole:
    """A space that cannot be taken apart, of three members."""

    name = "whole"

    def distinct(self) -> list[int]:
        return [1, 2, 3]

    def format(self, arch: int) -> str:
        return str(arch)

    def parse(self, text: str) -> int:
        return int(text)


@pytest.mark.parametrize("name", SETTINGS)
def test_there_and_back(name: str) -> None:
    space: Space[Any] = make_space(name, **SETTINGS[name])
    options, rng = options_of(space), Random(0)
    for arch in (space.sample(rng) for _ in range(10)):
        config = config_of(space, arch)
        assert list(config) == list(options) and all(config[choice] in options[choice] for choice in options)
        again = member_of_config(space, {"lr": 0.1, **config})
        whole = member_of_config(space, {"arch": space.format(arch)})
        assert space.canonical(again) == space.canonical(whole) == space.canonical(arch)


def test_a_space_that_cannot_be_taken_apart_is_one_choice() -> None:
    space: Any = Whole()
    assert options_of(space) == {"arch": ("1", "2", "3")}
    assert config_of(space, 2) == {"arch": "2"} and member_of_config(space, {"arch": "2"}) == 2


def test_wrong_configurations(toy_space: Any) -> None:
    config = config_of(toy_space, toy_space.distinct()[7])
    choice = next(iter(config))
    with pytest.raises(ArchitectureError, match=f"without the choice '{choice}'"):
        member_of_config(toy_space, {name: option for name, option in config.items() if name != choice})
    for option in ("fft", None, 3):
        with pytest.raises(ArchitectureError, match=f"no option of the choice '{choice}'"):
            member_of_config(toy_space, config | {choice: option})
    with pytest.raises(ArchitectureError, match="'arch'"):
        member_of_config(Whole(), config)  # type: ignore[arg-type]
    bare: Any = type("Bare", (), {"name": "bare"})()
    with pytest.raises(ConfigError, match="neither be taken apart"):
        options_of(bare)
