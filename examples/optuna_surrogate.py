"""Optuna with a hypernetwork that screens 64 proposals for each network trained, against the same study without it."""

from argparse import ArgumentParser

from optuna import create_study, distributions, logging, samplers

import ghn
from ghn.families.training.full import TrainingEstimator
from ghn.spaces.nasbench201 import published
from ghn.tables.lookup import TableEstimator
from ghn.train.network import Recipe

parser = ArgumentParser()
parser.add_argument("--table", action="store_true", help="look trainings up in the published table (extra nasbench)")
for name, default in {"checkpoint": "", "trainings": 12, "seeds": 3, "epochs": 2, "pool": 64}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
logging.set_verbosity(logging.WARNING)
model, task = ghn.load(args.checkpoint or None), ghn.make_task("cifar10_embedded")
SPACE = {c.name: distributions.CategoricalDistribution(c.options) for c in model.space.choices()}
trainer = TrainingEstimator(model.space, task, Recipe(epochs=args.epochs), model.fabric)
if args.table:
    trainer = TableEstimator(published.read_analog_nasbench(), model.space, metric="test_accuracy")


def search(seed: int, pool: int) -> float:
    study = create_study(direction="maximize", sampler=samplers.TPESampler(seed=seed, constant_liar=False))
    for i in range(args.trainings):
        draft = create_study(direction="maximize", sampler=study.sampler)  # proposals that are not trained stay in it
        draft.add_trials(study.trials)
        cells = [tuple(draft.ask(SPACE).params[edge] for edge in SPACE) for _ in range(pool)]
        best = max(zip(model.score(cells), cells, strict=True), key=lambda pair: pair[0].value)[1]
        study.enqueue_trial(dict(zip(SPACE, best, strict=True)))
        study.tell(study.ask(SPACE), trainer.score([ghn.Trial(str(i), best)])[0].value)
    return study.best_value


for s in range(args.seeds):
    print(f"seed {s}, best of {args.trainings}: screened {search(s, args.pool):.4f}, plain {search(s, 1):.4f}")
