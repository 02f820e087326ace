"""scikit-learn's forest on what is written of networks, and ghn's regressor on what a hypernetwork reads of them.

Both learn from the same trainings, of the shipped table, and order the rest of it: python examples/sklearn_surrogate.py
"""

from argparse import ArgumentParser
from random import Random

import numpy as np
from scipy.stats import kendalltau
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import ghn
from ghn.adapters.sklearn import SurrogateRegressor
from ghn.assets import asset
from ghn.families.surrogates.inputs import make_inputs
from ghn.spaces.configs import config_of
from ghn.tables import ReferenceTable

parser = ArgumentParser(description=__doc__)
for name, default in {"checkpoint": "", "trainings": 30, "networks": 96, "seeds": 5, "inputs": "scores"}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
model, trained = ghn.load(args.checkpoint or None), ReferenceTable.load(asset("data/references/embedded.jsonl"))
values = trained.value("test_accuracy")
archs = [model.space.parse(arch) for arch in list(values)[: args.networks]]
y = np.array([values[model.space.format(arch)] for arch in archs])
written = np.array([list(config_of(model.space, arch).values()) for arch in archs])
sources = make_inputs(["summary", "statistics", *args.inputs.split()], hypernetwork=model)
read = np.hstack([source(model.space, archs) for source in sources])

for s in range(args.seeds):
    order = Random(s).sample(range(len(y)), len(y))
    known, others = order[: args.trainings], order[args.trainings :]
    forest = make_pipeline(OneHotEncoder(handle_unknown="ignore"), RandomForestRegressor(random_state=s))
    regressor = SurrogateRegressor(seed=s).fit(read[known], y[known])
    guesses = regressor.predict(read[others]), forest.fit(written[known], y[known]).predict(written[others])
    found = [kendalltau(guess, y[others])[0] for guess in guesses]
    print("seed {}, {} trainings: Kendall's tau with ghn {:.3f}, without {:.3f}".format(s, args.trainings, *found))
