"""A space of a handful of given networks."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from hashlib import blake2b
from random import Random
from typing import Any

from torch import nn

from ghn.errors import ArchitectureError, ConfigError
from ghn.graph.canonical import function_key
from ghn.graph.interpreter import Inputs, as_tuple
from ghn.spaces.card import space_card
from ghn.types import Network


class ModuleSpace:
    """The space of some modules; its members are their names. Nothing of a module is changed.

    Args:
        modules: by name.
        example_inputs: a tensor (b, ...), a tuple of them, or a dict by the names of `forward`'s arguments.

    Raises:
        ConfigError: there are no modules.
        GraphError: one cannot be captured; names it.
    """

    name = "modules"

    def __init__(self, modules: Mapping[str, nn.Module], example_inputs: Inputs) -> None:
        wrong = [name for name, module in modules.items() if not isinstance(module, nn.Module)]
        if not modules or wrong or not all(isinstance(name, str) and name for name in modules):
            raise ConfigError("a space of modules needs some, by name", got=wrong or modules, expected="{name: module}")
        self._networks = {name: Network.from_module(module, example_inputs) for name, module in modules.items()}
        self._keys = {name: function_key(network.live().graph) for name, network in self._networks.items()}
        self._shapes = [list(x.shape[1:]) for x in as_tuple(example_inputs)]

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        """The names, and a digest of the networks; JSON-able."""
        names = sorted(self._networks)
        keys = " ".join(self._keys[name] for name in names)
        source = blake2b(keys.encode(), digest_size=8).hexdigest()
        return {"target": f"modules {', '.join(names)}", "source": source, "input_shapes": self._shapes}

    def sample(self, rng: Random) -> str:
        return rng.choice(list(self._networks))

    def neighbours(self, arch: str) -> Iterator[str]:
        """All others."""
        self.check(arch)
        return (name for name in self._networks if name != arch)

    def network(self, arch: str) -> Network:
        return self._networks[self.check(arch)]

    def parse(self, text: str) -> str:
        return self.check(text)

    def format(self, arch: str) -> str:
        return self.check(arch)

    def canonical(self, arch: str) -> Hashable:
        return self._keys[self.check(arch)]

    def members(self) -> list[str]:
        """The names of all networks."""
        return list(self._networks)

    def distinct(self) -> list[str]:
        """The first of each function."""
        first: dict[str, str] = {}
        for name in self._networks:
            first.setdefault(self._keys[name], name)
        return list(first.values())

    def check(self, arch: Any) -> str:
        """The name of a network; `ArchitectureError` for what is none."""
        if not isinstance(arch, str) or arch not in self._networks:
            raise ArchitectureError("there is no module of this name", got=arch, expected=" | ".join(self._networks))
        return arch

    def __repr__(self) -> str:
        return f"ModuleSpace({', '.join(f'{key}={value!r}' for key, value in self.describe().items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleSpace) and self.describe() == other.describe()

    def __hash__(self) -> int:
        return hash(repr(self))
