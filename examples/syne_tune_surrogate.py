"""Syne Tune with a hypernetwork, and its random search, at equal trainings: simulated on a table of ours.

python examples/syne_tune_surrogate.py --seeds 5     (extra syne-tune)
"""

from argparse import ArgumentParser

from numpy.random import seed as seed_numpy
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository import UserBlackboxBackend
from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

import ghn
from ghn.adapters.syne_tune import GHNSearcher
from ghn.adapters.syne_tune_blackbox import blackbox
from ghn.assets import asset
from ghn.tables import ReferenceTable

parser = ArgumentParser(description=__doc__)
for name, default in {"checkpoint": "", "trainings": 12, "seeds": 3, "pool": 96}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
table = ReferenceTable.load(asset("data/references/embedded.jsonl"))  # or one of your own trainings
model, box = ghn.load(args.checkpoint or None), blackbox(table)
SPACE = box.configuration_space


def search(seed: int, searcher) -> float:
    seed_numpy(seed)  # noqa: NPY002 - random search draws from it
    scheduler = SingleObjectiveScheduler(SPACE, "val_accuracy", do_minimize=False, searcher=searcher, random_seed=seed)
    backend = UserBlackboxBackend(box, elapsed_time_attr="elapsed_time", seed=0)
    stop, callbacks = StoppingCriterion(max_num_trials_finished=args.trainings), [SimulatorCallback()]
    tuner = Tuner(backend, scheduler, stop, n_workers=1, sleep_time=0, callbacks=callbacks, save_tuner=False)
    tuner.run()
    return tuner.tuning_status.get_dataframe().query("status == 'Completed'")["val_accuracy"].max()


for s in range(args.seeds):
    surrogate = ghn.Surrogate(model, direction="minimize", pool=args.pool, seed=s)
    found = search(s, GHNSearcher(SPACE, surrogate)), search(s, "random_search")
    print("seed {}, best of {}: with ghn {:.4f}, without {:.4f}".format(s, args.trainings, *found))
