"""Ax with a hypernetwork, and its own Bayesian optimisation, at equal trainings (extras ax and nasbench).

Trainings are looked up in the published table; `train` is where yours would be: python examples/ax_surrogate.py
"""

from argparse import ArgumentParser
from logging import WARNING

from ax.api.client import Client
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.utils.common.logger import set_ax_logger_levels

import ghn
from ghn.adapters.ax import GHNNode, parameters
from ghn.spaces.configs import member_of_config
from ghn.spaces.nasbench201 import published
from ghn.tables.lookup import TableEstimator

parser = ArgumentParser(description=__doc__)
for name, default in {"checkpoint": "", "trainings": 12, "seeds": 3, "pool": 64}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
set_ax_logger_levels(WARNING)
model = ghn.load(args.checkpoint or None)
train = TableEstimator(published.read_analog_nasbench(), model.space, metric="test_accuracy")


def search(seed: int, node: GHNNode | None) -> float:
    client = Client(random_seed=seed)
    client.configure_experiment(parameters(model.space))
    client.configure_optimization("accuracy")
    if node is not None:
        client.set_generation_strategy(GenerationStrategy(nodes=[node]))
    for _ in range(args.trainings):
        for index, config in client.get_next_trials(1).items():
            score = train.score([ghn.Trial(str(index), member_of_config(model.space, config))])[0]
            client.complete_trial(index, {"accuracy": score.value})
    return client.summarize()["accuracy"].max()


for s in range(args.seeds):
    found = search(s, GHNNode(ghn.Surrogate(model, pool=args.pool, seed=s))), search(s, None)
    print("seed {}, best of {}: with ghn {:.4f}, without {:.4f}".format(s, args.trainings, *found))
