"""Runs a user's module, and leaves it, and all random numbers, as they were."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import is_
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

_LOCKS: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()
_GENERATORS = RLock()  # they are the process's
_CONTAINERS = (dict, OrderedDict, list, set)


def lock_of(module: nn.Module) -> RLock:
    """Of a module, which runs once at a time: its modes and weights are switched for the call."""
    return _LOCKS.setdefault(module, RLock())


@contextmanager
def unchanged(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Attributes of modules - modes, counts, weights, what is cached - are afterwards what they were.

    Also what lists, dicts and sets among them hold. Values that tensors hold are not looked after.
    """
    before = [(m.__dict__, dict(m.__dict__), _held(m)) for m in modules]
    try:
        yield
    finally:
        for attributes, old, held in before:
            for name in attributes.keys() - old.keys():
                del attributes[name]
            attributes.update(old)
            for container, items in held:
                _fill(container, items)


@contextmanager
def same_random_numbers(module: nn.Module) -> Iterator[None]:
    """The generators of PyTorch, NumPy and Python draw afterwards as if nothing had been drawn."""
    devices = {p.device.index for p in module.parameters() if p.is_cuda}
    with _GENERATORS, torch.random.fork_rng(devices=devices):
        plain, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - what users draw from
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(arrays)  # noqa: NPY002


def _held(module: nn.Module) -> list[tuple[Any, Any]]:
    """The containers among a module's attributes, each with a copy."""
    return [(value, value.copy()) for value in module.__dict__.values() if type(value) in _CONTAINERS]


def _fill(container: Any, items: Any) -> None:
    """Makes a container hold these again; one that does is left alone."""
    if isinstance(container, dict):
        same = container.keys() == items.keys() and all(container[key] is items[key] for key in items)
    else:
        same = len(container) == len(items) and all(map(is_, container, items))
    if same:
        return
    container.clear()
    if isinstance(container, list):
        container.extend(items)
    else:
        container.update(items)
