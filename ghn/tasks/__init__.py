"""Tasks: what a network is trained and judged on. `make_task(name, **options)` makes any of them."""

from ghn.tasks.arrays import from_arrays
from ghn.tasks.datasets import from_dataset
from ghn.tasks.frames import from_frame
from ghn.tasks.images import ImageTask, Split
from ghn.tasks.normalisation import Normalisation
from ghn.tasks.objectives import Custom
from ghn.tasks.official import data_root
from ghn.tasks.registry import TASKS, check_task, make_task
from ghn.tasks.streams import from_stream
from ghn.tasks.task import DataTask
from ghn.tasks.transforms import augment

__all__ = [
    "TASKS",
    "Custom",
    "DataTask",
    "ImageTask",
    "Normalisation",
    "Split",
    "augment",
    "check_task",
    "data_root",
    "from_arrays",
    "from_dataset",
    "from_frame",
    "from_stream",
    "make_task",
]
