"""Tasks: what a network is trained and judged on. `make_task(name, **options)` makes any of them."""

from ghn.tasks.arrays import from_arrays
from ghn.tasks.datasets import from_dataset
from ghn.tasks.images import ImageTask, Normalisation, Split
from ghn.tasks.official import data_root
from ghn.tasks.registry import TASKS, make_task
from ghn.tasks.transforms import augment

__all__ = [
    "TASKS",
    "ImageTask",
    "Normalisation",
    "Split",
    "augment",
    "data_root",
    "from_arrays",
    "from_dataset",
    "make_task",
]
