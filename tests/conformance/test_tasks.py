"""Every kind of task joins with one line."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
import toy
from torch.utils.data import IterableDataset, TensorDataset

from conformance.task import TASK_CHECKS
from ghn.tasks import Custom, from_arrays, from_dataset, from_frame, from_stream

N = 60


@cache
def normal(*shape):
    return torch.randn(N, *shape, generator=torch.Generator().manual_seed(sum(shape)))


CLASS = (normal(4)[:, 0] > 0).long()
NUMBER = normal(4) @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + 40
LABELS = (normal(4)[:, :3] > 0).int()
TOKENS = torch.randint(20, (N, 6), generator=torch.Generator().manual_seed(0))


def absolute_error(output, target):
    return (output - target).abs().mean(1)


class Stream(IterableDataset):
    """Items in one order; begins anew each time."""

    def __init__(self, x, y):
        self.pairs = [*zip(x, y, strict=True)]

    def __iter__(self):
        yield from self.pairs


def frame():
    numbers = normal(4).numpy()
    return pd.DataFrame(
        {
            "age": 30 + 5 * numbers[:, 0],
            "rooms": np.arange(N) % 4,
            "town": np.array(["A", "B", "C"])[np.arange(N) % 3],
            "price": NUMBER.numpy().astype(float),
            "sold": np.where(CLASS.numpy() == 1, "yes", "no"),
        }
    )


def rows():
    """As Hugging Face's datasets give them."""
    return [{"pixels": normal(2, 5)[i].numpy(), "kind": int(CLASS[i])} for i in range(N)]


TASKS = {
    "images": toy.make_task,
    "images, floats of any range": lambda: from_arrays("f", (normal(5, 8, 6), CLASS), normalise="standardise"),
    "images, several labels": lambda: from_arrays("l", (normal(3, 8, 8).sigmoid(), LABELS), kind="multi_label"),
    "bytes": lambda: from_arrays("b", (TOKENS.byte()[:, :, None], CLASS), normalise="none"),
    "tabular": lambda: from_arrays("t", (normal(4), CLASS)),
    "tabular, classes by name": lambda: from_arrays("n", (normal(4).numpy(), np.array(["no", "yes"])[CLASS])),
    "regression": lambda: from_arrays("r", (normal(4), NUMBER), kind="regression"),
    "several labels": lambda: from_arrays("m", (normal(4), LABELS), kind="multi_label"),
    "signals": lambda: from_arrays("s", (normal(2, 16), CLASS)),
    "tokens": lambda: from_arrays("k", (TOKENS, CLASS)),
    "two inputs": lambda: from_arrays("2", ((normal(4), TOKENS), CLASS)),
    "inputs by name": lambda: from_arrays("d", ({"x": normal(4), "ids": TOKENS}, NUMBER), kind="regression"),
    "own loss": lambda: from_arrays("o", (normal(4), NUMBER[:, None] - 40), kind=Custom(absolute_error, (1,))),
    "frame, classes": lambda: from_frame("sold", frame(), "sold", drop=["price"]),
    "frame, numbers": lambda: from_frame("price", frame(), "price"),
    "dicts": lambda: from_dataset("h", rows(), columns=("pixels", "kind"), images=False),
    "stream by index": lambda: from_stream("i", TensorDataset(normal(2, 8), CLASS), classes=2),
    "stream by index, workers": lambda: from_stream(
        "w", TensorDataset(normal(3, 8, 8), NUMBER), kind="regression", workers=1
    ),
    "stream from first to last": lambda: from_stream(
        "p", *(Stream(normal(4)[i:], CLASS[i:]) for i in (0, 30, 30)), classes=2
    ),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return TASKS[request.param]()


@pytest.mark.parametrize("check", TASK_CHECKS, ids=lambda c: c.__name__)
def test_task(check, task):
    check(task)
