"""What trains, scores and reads works on tasks of any kind, and refuses before work what it cannot do."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from mlp_space import Perceptrons
from torch.utils.data import TensorDataset

from ghn.errors import ConfigError, DataError
from ghn.families.training.full import TrainingEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.nets import RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.readouts import Sample, head_input, make_readout
from ghn.scoring.zero_cost import make_zero_cost
from ghn.tasks import Custom, from_arrays, from_stream
from ghn.tasks.outputs import count_outputs
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.network import NetworkTrainer, Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Trial

N = 100  # items; every default must fit them


@cache
def inputs():
    return torch.randn(N, 5, generator=torch.Generator().manual_seed(0))


def absolute_error(output, target):
    return (output - target).abs().mean(1)


X = inputs()
NUMBER = X[:, 0] - 2 * X[:, 1] + 7
MAKE = {
    "classification": lambda: from_arrays("c", (X, (X[:, 0] > X[:, 1]).long())),
    "regression": lambda: from_arrays("r", (X, NUMBER), kind="regression"),
    "multi_label": lambda: from_arrays("m", (X, (X[:, :3] > 0).int()), kind="multi_label"),
    "own": lambda: from_arrays("o", (X, (NUMBER - 7)[:, None]), kind=Custom(absolute_error, (1,))),
    "stream": lambda: from_stream("s", TensorDataset(X, NUMBER), kind="regression"),
}
ARCHS = [(4,), (16,), (8, 8)]
TRIALS = [Trial(str(i), arch) for i, arch in enumerate(ARCHS)]
RECIPE = Recipe(epochs=12, batch_size=16, lr=0.1)


@pytest.fixture(scope="module", params=MAKE)
def task(request):
    return MAKE[request.param]()


@pytest.fixture(scope="module")
def space(task):
    return Perceptrons(task.input_shape, count_outputs(task))


def test_networks_learn_it(task, space, fabric):
    trainer = NetworkTrainer(space.network((16,)), task, RECIPE, 0, fabric)
    before = trainer.evaluate(task.val)
    for _ in range(RECIPE.epochs):
        result = trainer.run_epoch()
    assert result.val_loss < 0.6 * before[0] and result.val_accuracy > before[1]


def test_loss_and_metric_are_read_with_usual_sample_sizes_that_shrink(task, space, fabric):
    engine = WeightedEstimator(RandomInit(0), space, task, fabric)
    assert (engine.sample.val, engine.sample.ridge_train) == (len(task.val), len(task.train))
    scores = engine.score(TRIALS)
    x, y = next(engine.readout.batches.__iter__())
    network = space.network(ARCHS[0])
    output = network.program.run(RandomInit(0)([network.graph])[0], x).output
    assert scores[0].value == pytest.approx(-float(task.loss(output, y)), rel=1e-5)
    assert scores[0].extra["accuracy"] == pytest.approx(float(task.metric(output, y).mean()), rel=1e-5)
    metric = WeightedEstimator(RandomInit(0), space, task, fabric, readout="metric").score(TRIALS)
    assert [s.value for s in metric] == pytest.approx([s.extra["accuracy"] for s in scores])


def test_ridge_reads_the_features_before_the_head(task, space, fabric):
    if task.name == "o":
        with pytest.raises(ConfigError, match=r"loss of your own(?s:.*)absolute_error(?s:.*)readout=loss"):
            make_readout("ridge", task, Sample())
        return
    scores = WeightedEstimator(RandomInit(0), space, task, fabric, readout="ridge").score(TRIALS)
    assert all(math.isfinite(s.value) and s.value < 0 for s in scores)
    graph = space.network((8, 8)).graph
    assert graph.nodes[head_input(graph)].name == "relu1"
    assert scores[1].extra["ridge_accuracy"] > (0.5 if task.name in "cm" else 0.0), "wide random features say something"


@pytest.mark.parametrize("name", ["params", "synflow", "naswot", "jacob_cov", "grad_norm", "snip", "grasp", "fisher"])
def test_zero_cost_proxies_take_vectors(task, space, fabric, name):
    wide = [Trial(str(arch), arch) for arch in ((64,), (96,), (64, 64))]
    scores = make_zero_cost(name, space, task, fabric, batch=8).score(wide)
    assert all(s.ok for s in scores) and len({s.value for s in scores}) > 1, [s.error for s in scores]


@pytest.mark.parametrize("name", ["meco", "zen"])
def test_proxies_of_images_refuse_before_work(task, space, fabric, name):
    with pytest.raises(
        ConfigError, match=rf"proxy {name} says nothing of task {task.name}\n +got: +inputs of shape \(5,\)"
    ):
        make_zero_cost(name, space, task, fabric)


class Shared(torch.nn.Module):
    """The weights of one network, as parameters."""

    def __init__(self, graph):
        super().__init__()
        self.values = torch.nn.ParameterDict(RandomInit(0)([graph])[0])

    def forward(self, graphs):
        return [dict(self.values.items()) for _ in graphs]


class OneNetwork(Perceptrons):
    def sample(self, rng):
        return (8,)


def test_shared_weights_are_trained_with_usual_settings_and_resumed_bitwise(task, space, fabric, tmp_path):
    config = MetaConfig(steps=6, sampling="uniform", warmup=1, save_every=3, log_every=1)
    assert config.architectures * config.images > len(task.train)
    one = OneNetwork(space.input_shape, space.classes)

    def run(folder, resume=False):
        model = Shared(one.network((8,)).graph)
        return Loop(MetaStep(model, one, task, config, fabric), config, fabric, tmp_path / folder, resume=resume), model

    straight, first = run("straight")
    straight.run(progress=False)
    cut, _ = run("cut")
    for _ in range(3):
        cut.advance()
    cut.save()
    again, second = run("cut", resume=True)
    again.run(progress=False)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_what_does_not_fit_is_told_with_both_shapes(task, fabric):
    wrong = Perceptrons(task.input_shape, 9)
    (score,) = WeightedEstimator(RandomInit(0), wrong, task, fabric).score(TRIALS[:1])
    assert not score.ok and "(9,)" in str(score.error) and str(task.output_shape) in str(score.error)
    with pytest.raises(ConfigError, match=r"input does not fit task(?s:.*)\(4,\)(?s:.*)\(5,\)"):
        NetworkTrainer(Perceptrons((4,), 9).network((4,)), task, RECIPE, 0, fabric)


def test_sizes_that_were_given_are_refused_by_name(task):
    with pytest.raises(DataError, match=r"sample\.ridge_train(?s:.*)got: +81"):
        Sample(ridge_train=81).fit(task)
    with pytest.raises(DataError, match=r"sample\.val(?s:.*)got: +11\n +expected: 1 to 10"):
        Sample(val=11).fit(task)
    assert Sample(val=10).fit(task).val == 10


def test_low_and_full_fidelity(task, space, fabric, tmp_path):
    low = LowFidelityEstimator(space, task, RECIPE, fabric, fidelity=Fidelity(epochs=2, data=0.5), folder=tmp_path)
    (score,) = low.score(TRIALS[:1])
    assert score.ok and score.budget == 2
    (full,) = TrainingEstimator(space, task, replace(RECIPE, epochs=2), fabric).score(TRIALS[:1])
    assert full.ok and full.value == full.extra["curve"]["val_accuracy"][-1]
    with pytest.raises(ConfigError, match="no images to make smaller"):
        LowFidelityEstimator(space, task, RECIPE, fabric, fidelity=Fidelity(size=4))
