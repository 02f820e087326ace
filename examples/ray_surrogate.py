"""Ray Tune with a hypernetwork, and its random search, at equal trainings (extras ray and nasbench).

Trainings are looked up in the published table; `train` is where yours would be: python examples/ray_surrogate.py
"""

from argparse import ArgumentParser
from pathlib import Path

import ray
from ray import tune
from ray.tune.search.basic_variant import BasicVariantGenerator

import ghn
from ghn.adapters.ray import GHNSearch
from ghn.spaces.configs import config_of, options_of
from ghn.spaces.nasbench201 import published

parser = ArgumentParser(description=__doc__)
for name, default in {"checkpoint": "", "trainings": 12, "seeds": 3, "pool": 64, "out": "outputs/ray"}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
model = ghn.load(args.checkpoint or None)
SPACE, trained = model.space, published.read_analog_nasbench().value("test_accuracy")
OUT, OPTIONS = str(Path(args.out).absolute()), {name: tune.choice(some) for name, some in options_of(SPACE).items()}
KNOWN = {tuple(config_of(SPACE, SPACE.parse(arch)).items()): value for arch, value in trained.items()}


def train(config, known):  # in a process of Ray's
    return {"accuracy": known[tuple(config.items())]}


def search(algorithm, **space) -> float:
    setting = tune.TuneConfig(metric="accuracy", mode="max", search_alg=algorithm, num_samples=args.trainings)
    run, trainable = tune.RunConfig(storage_path=OUT, verbose=0), tune.with_parameters(train, known=KNOWN)
    found = tune.Tuner(trainable, param_space=space, tune_config=setting, run_config=run).fit()
    return found.get_best_result().metrics["accuracy"]


ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
for s in range(args.seeds):
    surrogate = ghn.Surrogate(model, pool=args.pool, seed=s)
    found = search(GHNSearch(surrogate, "accuracy")), search(BasicVariantGenerator(random_state=s), **OPTIONS)
    print("seed {}, best of {}: with ghn {:.4f}, without {:.4f}".format(s, args.trainings, *found))
ray.shutdown()
