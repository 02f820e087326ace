"""The hypernetwork inside an Optuna study: it screens 64 proposals for each network that is trained (extra `examples`).

Compared with the same study without it, at equal numbers of trainings. `--table` looks trainings up in the published
table (200 epochs, full CIFAR-10; extra `nasbench`) instead of training on the embedded images.
"""

from argparse import ArgumentParser

import optuna
from screening import EDGES, Screened

import ghn
from ghn.estimators import TableEstimator, TrainingEstimator
from ghn.estimators.published import read_analog_nasbench
from ghn.train.loop import Recipe

parser = ArgumentParser(description=__doc__)
parser.add_argument("--table", action="store_true")
parser.add_argument("--trainings", type=int, default=12)
parser.add_argument("--pool", type=int, default=64)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--checkpoint", default=None, help="the shipped one by default")
args = parser.parse_args()
