"""A plain Optuna study, with Optuna's own sampler and with ghn's, at equal numbers of trainings."""

from argparse import ArgumentParser

import optuna

import ghn
from ghn.adapters.optuna import GHNSampler, suggest_architecture
from ghn.families.training.full import TrainingEstimator
from ghn.spaces.nasbench201 import published
from ghn.tables.lookup import TableEstimator
from ghn.train.network import Recipe

parser = ArgumentParser()
parser.add_argument("--table", action="store_true", help="look trainings up in the published table (extra nasbench)")
for name, default in {"checkpoint": "", "trainings": 12, "seeds": 3, "epochs": 2, "pool": 64}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
args = parser.parse_args()
optuna.logging.set_verbosity(optuna.logging.WARNING)
model, task = ghn.load(args.checkpoint or None), ghn.make_task("cifar10_embedded")
trainer = TrainingEstimator(model.space, task, Recipe(epochs=args.epochs), model.fabric)
if args.table:
    trainer = TableEstimator(published.read_analog_nasbench(), model.space, metric="test_accuracy")


def objective(trial: optuna.Trial) -> float:
    arch = suggest_architecture(trial, model.space)  # trial.suggest_categorical for each of its decisions
    return trainer.score([ghn.Trial(str(trial.number), arch)])[0].value


def search(sampler: optuna.samplers.BaseSampler) -> float:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=args.trainings)
    return study.best_value


judge = model.estimator("loss", skeletons="fastest")  # GHNSampler(model) reads more of each network, and takes longer
for s in range(args.seeds):
    with_ghn = search(GHNSampler(judge, model.space, pool=args.pool, seed=s))
    plain = search(optuna.samplers.TPESampler(seed=s))
    print(f"seed {s}, best of {args.trainings}: with ghn {with_ghn:.4f}, plain {plain:.4f}")
