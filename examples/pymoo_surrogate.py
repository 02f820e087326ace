"""NSGA-II on accuracy and size with a hypernetwork, and without, at equal trainings (extras pymoo and nasbench).

Trainings are looked up in the published table; `train` is where yours would be: python examples/pymoo_surrogate.py
"""

from argparse import ArgumentParser

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.indicators.hv import HV
from pymoo.optimize import minimize

import ghn
from ghn.adapters.pymoo import ArchitectureProblem
from ghn.spaces.nasbench201 import published
from ghn.tables.lookup import TableEstimator

parser = ArgumentParser(description=__doc__)
for name, default in {"checkpoint": "", "trainings": 30, "seeds": 3, "population": 10, "generations": 5}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
model, size = ghn.load(args.checkpoint or None), args.population
SPACE, LARGEST = model.space, 1.6e6  # parameters
train = TableEstimator(published.read_analog_nasbench(), SPACE, metric="test_accuracy")


def volume(judged) -> float:  # what trainings dominate, of what is better than guessing and smaller than the largest
    return HV(ref_point=[-0.1, 1.0])(np.array(list(judged.known.values())) / [1.0, LARGEST])


def evolve(problem, seed: int, generations: int):
    return minimize(problem, NSGA2(size, **problem.operators()), ("n_gen", generations), seed=seed).pop.get("X")


for s in range(args.seeds):
    plain, screened = ArchitectureProblem(SPACE, train), ArchitectureProblem(SPACE, train)
    surrogate = ghn.Surrogate(model, seed=s)
    evolve(plain, s, args.trainings // size)
    for batch in range(args.trainings // size):  # looks for the expected front, trains it, and learns from it
        rows = evolve(ArchitectureProblem(SPACE, surrogate), s * 100 + batch, args.generations)
        for row, values in zip(rows, screened.evaluate(rows, return_values_of=["F"]), strict=True):
            surrogate.observe(screened.rows.member(row), -values[0])
    found = (len(screened.known), len(plain.known)), volume(screened), volume(plain)
    print("seed {}, trainings {}: volume with ghn {:.4f}, without {:.4f}".format(s, *found))
