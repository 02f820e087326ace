"""Every estimator joins with one line."""

from functools import cache, partial

import numpy as np
import pytest
import torch

from conformance.estimator import ESTIMATOR_CHECKS
from ghn.analysis.correction import Population
from ghn.families.curves.estimator import CurveEstimator, make_curve_model
from ghn.families.curves.parametric import Chain
from ghn.families.morphism.estimator import MorphismEstimator
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.surrogates.inputs import Scores
from ghn.families.surrogates.models import GraphNetwork
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.full import TrainingEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.nets import GHN, GHNConfig, RandomInit
from ghn.scoring.cached import Cached
from ghn.scoring.combined import Combined, Ensemble
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.panel import LIVE_PARAMETERS
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.search.belief import Corrected
from ghn.tables.curves import Curves
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Score, Trial

CELLS = (
    ("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "none"),
    ("none",) * 6,
    ("skip_connect", "none", "nor_conv_1x1", "avg_pool_3x3", "none", "none"),
)


JOINED = (CELLS[0], ("nor_conv_3x3",) * 6, CELLS[2])  # output and input: proxies can judge no other


@cache
def ghn():
    torch.manual_seed(0)
    return GHN(GHNConfig(classes=4, hidden=16, heads=2, layers=1, decoder_hidden=16, channels=8)).eval()


def table(space, task, fabric):
    header = TableHeader(space.name, "toy", task.checksum, space.describe(), {"epochs": 1}, {}, source="a test")
    curve = {"train_loss": (1.0,), "train_accuracy": (0.5,), "val_loss": (1.0,)}
    runs = [
        Run(space.format(cell), 0, **curve, val_accuracy=(0.1 * i,), test_accuracy=0.5, seconds=1.0, params=1)
        for i, cell in enumerate(CELLS)
    ]
    return TableEstimator(ReferenceTable(header, tuple(runs)), space)


def weighted(readout, weights):
    sample = Sample(val=40, ridge_train=60, ridge_val=40, batch=32)
    return lambda space, task, fabric: WeightedEstimator(
        weights(), space, task, fabric, readout=readout, sample=sample, block=2
    )


def combined(space, task, fabric, references=False):
    members = {
        "ghn": weighted("loss", ghn)(space, task, fabric),
        "zero": weighted("meco", RandomInit)(space, task, fabric),
    }
    weights = {LIVE_PARAMETERS: 1.0, "ghn/loss": 1.0, "zero/meco": 2.0, "zero/swap": 0.0}
    usual = {"ghn/loss": [-3, -1], "zero/meco": [0, 5], "zero/swap": [0, 1e4], LIVE_PARAMETERS: [0, 1e4]}
    made = Combined(space, members, weights, population=Population(usual))
    known = list(space.distinct())[:6]
    made.fit([(Trial(str(i), arch), Score(i / 10)) for i, arch in enumerate(known)] if references else [])
    return made


def ensemble(space, task, fabric, references=False):
    """Of two read-outs; the population is all cells, as company must not matter."""
    members = {
        "loss": weighted("loss", ghn)(space, task, fabric),
        "swap": weighted("swap", RandomInit)(space, task, fabric),
    }
    made = Ensemble(space, members).settled(24, progress=False)
    known = list(space.distinct())[:6]
    made.fit([(Trial(str(i), arch), Score(i / 10)) for i, arch in enumerate(known)] if references else [])
    return made


def corrected(space, task, fabric):
    """A read-out that references correct, with a population as company must not matter."""
    made = Corrected(space, weighted("loss", ghn)(space, task, fabric))
    made.population, _ = made.usual(24, progress=False)
    known = list(space.distinct())[:6]
    made.fit([(Trial(str(i), arch), Score(i / 10)) for i, arch in enumerate(known)])
    return made


def surrogate(model, inputs=("statistics", "adjacency", "paths", "summary")):
    def make(space, task, fabric):
        sources = [Scores(weighted("loss", ghn)(space, task, fabric)) if name == "scores" else name for name in inputs]
        made = SurrogateEstimator(space, sources, model, folds=2)
        known = list(space.distinct())[:40:3]
        made.fit([(Trial(str(i), arch), Score(space.encode(arch)["mean_convs"])) for i, arch in enumerate(known)])
        return made

    return make


def curve(name, **options):
    """A model of learning curves over a table of ten epochs, of which it sees five."""

    def make(space, task, fabric):
        noise, x = np.random.default_rng(0).standard_normal((20, 10)), np.arange(1, 11)
        accuracy = np.linspace(0.5, 0.7, 20)[:, None] - 0.3 * x**-0.7 + 0.005 * noise
        known = Curves(tuple(map(str, range(20))), tuple(x), accuracy, 3 - 3 * accuracy)
        runs = [
            Run(space.format(cell), 0, train_loss=tuple(3 - 3 * a), val_accuracy=tuple(a), seconds=10.0)
            for cell, a in zip(CELLS, accuracy, strict=False)
        ]
        trainer = TableEstimator(ReferenceTable(TableHeader(space.name, "toy", source="a test"), tuple(runs)), space)
        return CurveEstimator(trainer, make_curve_model(name, **options), 5, 10, finished=known)

    return make


ESTIMATORS = {
    "generated weights, loss": weighted("loss", ghn),
    "generated weights, accuracy": weighted("accuracy", ghn),
    "generated weights, ridge": weighted("ridge", ghn),
    "shared weights": lambda space, task, fabric: weighted("loss", lambda: Bank(BankConfig("oneshot", 4), space))(
        space, task, fabric
    ),
    "random weights": weighted("loss", RandomInit),
    "MeCo": weighted("meco", RandomInit),
    "SWAP": weighted("swap", RandomInit),
    "combined": lambda space, task, fabric: combined(space, task, fabric),
    "combined, with references": lambda space, task, fabric: combined(space, task, fabric, references=True),
    "ensemble": ensemble,
    "ensemble, with references": partial(ensemble, references=True),
    "cached": lambda space, task, fabric: Cached(space, weighted("loss", ghn)(space, task, fabric)),
    "corrected": corrected,
    "training": lambda space, task, fabric: TrainingEstimator(space, task, Recipe(epochs=1, batch_size=20), fabric),
    "low fidelity": lambda space, task, fabric: LowFidelityEstimator(
        space, task, Recipe(epochs=2, batch_size=20), fabric, fidelity=Fidelity(1, data=0.5, size=4, width=2)
    ),
    "morphism": lambda space, task, fabric: MorphismEstimator(
        space, task, Recipe(epochs=2, batch_size=20), fabric, ancestor=("nor_conv_3x3",) * 6, epochs=1, images=16
    ),
    "morphism, founders": lambda space, task, fabric: MorphismEstimator(
        space, task, Recipe(epochs=1, batch_size=20), fabric
    ),
    "table": table,
    "ridge": surrogate("ridge"),
    "random forest": surrogate("random_forest"),
    "gradient boosting": surrogate("gradient_boosting"),
    "Gaussian process, with scores": surrogate("gaussian_process", ("adjacency", "scores")),
    "graph network": surrogate(partial(GraphNetwork, members=2, steps=20), ()),
    "curve, last": curve("last"),
    "curve, sum of losses": curve("sotl"),
    "curve, parametric": curve("parametric"),
    "curve, parametric by MCMC": curve("parametric", mode="mcmc", chain=Chain(steps=20, burn=20)),
    "curve, SVR": curve("svr"),
    "curve, Bayesian network": curve("bnn", width=4, burn=20, samples=5, thin=2),
    "curve, Gaussian process": curve("gp", steps=20),
}


@pytest.fixture(scope="module", params=ESTIMATORS.values(), ids=ESTIMATORS)
def estimator(request, toy_space, toy_task, fabric):
    return request.param(toy_space, toy_task, fabric)


@pytest.mark.parametrize("check", ESTIMATOR_CHECKS, ids=lambda c: c.__name__)
def test_estimator(check, estimator):
    check(estimator, CELLS)


@pytest.mark.parametrize("name", ZERO_COST)
@pytest.mark.parametrize("check", ESTIMATOR_CHECKS, ids=lambda c: c.__name__)
def test_zero_cost(check, name, toy_space, toy_task, fabric):
    check(make_zero_cost(name, toy_space, toy_task, fabric, batch=16), JOINED)
