"""What a checkpoint can hold: each kind of network that makes weights, and how it is made again from a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ghn.families.sharing.bank import SOURCES, Bank, BankConfig
from ghn.families.sharing.smash import Smash, SmashConfig
from ghn.nets.ghn import GHN, GHNConfig
from ghn.types import Space

Net = GHN | Bank | Smash
KINDS: dict[str, Callable[[Mapping[str, Any], Space[Any]], Net]] = {
    "hypernetwork": lambda config, space: GHN(GHNConfig(**config)),
    "bank": lambda config, space: Bank(BankConfig(**config), space),
    "smash": lambda config, space: Smash(SmashConfig(**config), space),
}


def kind_of(net: Net) -> str:
    """The kind of a network, a key of `KINDS`."""
    return "smash" if isinstance(net, Smash) else "bank" if isinstance(net, Bank) else "hypernetwork"


def method_of(net: Net) -> str:
    """The name that scores with these weights go by in `estimator=`."""
    return "ghn" if isinstance(net, GHN) else net.config.method


def source_of(net: Net) -> str:
    """The paper behind the weights."""
    ghn = "Zhang, Ren & Urtasun, Graph HyperNetworks for Neural Architecture Search, ICLR 2019"
    return SOURCES.get(method_of(net), ghn)
