from dataclasses import replace

import pytest
import torch
import toy
from meta_runs import CONFIG, make_net, make_run, result
from torch import nn

from ghn.errors import ConfigError, TrainingError
from ghn.graph import count_params, simplify
from ghn.nets import GHN
from ghn.train.meta import MetaConfig
from ghn.train.runtime import make_runtime


def test_training_learns(tmp_path):
    config = replace(CONFIG, steps=40, images=32, warmup=5, sampling="distinct", save_every=40, check_every=40)
    make_run(tmp_path, config).run(progress=False)
    losses = [line["loss"] for line in result(tmp_path)[2] if "loss" in line]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_only_the_train_split_is_read(tmp_path):
    """Other validation and test images change nothing, and asking for a batch of them would fail."""

    class Poisoned(type(toy.make_task().val)):
        def batch(self, index):
            raise AssertionError("validation or test images were read")

    task = toy.make_task(val=11, test=12)
    poisoned = {s: Poisoned(x.images, x.labels, x.normalisation) for s, x in task.splits().items() if s != "train"}
    make_run(tmp_path / "poisoned", task=replace(task, **poisoned)).run(progress=False)
    make_run(tmp_path / "plain").run(progress=False)
    (_, a, log), (_, b, other) = result(tmp_path / "poisoned"), result(tmp_path / "plain")
    assert all(torch.equal(a[k], b[k]) for k in b)
    assert log == other


def test_the_learning_rate_warms_up_and_follows_a_cosine():
    trainer = MetaConfig(steps=110, lr=1.0, warmup=10, architectures=1, images=8)
    rates = [trainer.rate(step) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0, abs=1e-12)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    trainer = replace(trainer, schedule="constant")
    assert [trainer.rate(step) for step in (4, 10, 60, 109)] == pytest.approx([0.5, 1.0, 1.0, 1.0])
    with pytest.raises(ConfigError, match="schedule"):
        MetaConfig(schedule="linear")


def test_the_average_follows_the_parameters(tmp_path):
    trainer = make_run(tmp_path, replace(CONFIG, average=0.5))
    expected = {n: p.detach().clone() for n, p in trainer.step.model.named_parameters()}
    for step in range(4):
        trainer.advance()
        decay = min(0.5, (1 + step) / (10 + step))
        for name, p in trainer.step.model.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach()
    averaged = dict(trainer.averaged().named_parameters())
    for name, value in expected.items():
        torch.testing.assert_close(averaged[name], value)
    assert not torch.equal(averaged["embedding.tables.0.weight"], trainer.step.model.embedding.tables[0].weight)


def test_gradients_are_clipped(tmp_path):
    trainer = make_run(tmp_path, replace(CONFIG, clip=1e-3))
    trainer.advance()
    norm = torch.cat([p.grad.flatten() for p in trainer.step.model.parameters() if p.grad is not None]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-2)


def test_candidates_run_on_their_live_part(tmp_path):
    trainer = make_run(tmp_path)
    arch = ("none", "none", "nor_conv_3x3", "skip_connect", "none", "none")
    network = trainer.step.network(arch, 0)
    graph, program = network.graph, network.program
    assert graph == simplify(toy.SPACE.network(arch).graph)
    assert program.needed == {p.name for p in graph.params()}
    assert count_params(graph) < count_params(toy.SPACE.network(arch).graph)


def good_state(folder, step):
    """Asserts that the state of this many steps is there and its weights are finite."""
    kept, tensors, _ = result(folder)
    assert kept == step
    assert all(t.isfinite().all() for t in tensors.values())


def test_each_architecture_is_lowered_in_one_of_the_skeletons(tmp_path):
    config = replace(CONFIG, skeletons=[{"depth": 1}, {"depth": 2}], steps=6)
    trainer = make_run(tmp_path / "a", config)
    drawn = trainer.step.skeletons(0, 8)
    assert {0, 1} == {*drawn} and trainer.step.skeletons(1, 8) != drawn
    arch = ("nor_conv_3x3",) * 6
    one, two = (trainer.step.network(arch, k).graph for k in (0, 1))
    assert len(two) > len(one) == len(simplify(toy.SPACE.network(arch).graph))
    make_run(tmp_path / "b", config).run(progress=False)  # a run killed and resumed draws the same
    make_run(tmp_path / "c", replace(config, steps=6)).run(progress=False)
    assert result(tmp_path / "b")[2] == result(tmp_path / "c")[2]
    with pytest.raises(ConfigError, match="height"):
        make_run(tmp_path / "d", replace(config, skeletons=[{"height": 2}]))


def test_a_loss_that_is_nan_stops_with_the_last_good_state(tmp_path):
    trainer = make_run(tmp_path, replace(CONFIG, steps=40, lr=1e30, warmup=0, save_every=40))
    with pytest.raises(TrainingError) as error:
        trainer.run(progress=False)
    good_state(tmp_path, trainer.done)
    for part in (f"step {trainer.done + 1}:", "no longer finite", "lower trainer.lr", str(tmp_path)):
        assert part in str(error.value)
    config = replace(CONFIG, steps=40, lr=1e30, warmup=0, save_every=40)
    with pytest.raises(TrainingError, match=f"step {trainer.done + 1}:"):  # resumed, it stops there again
        make_run(tmp_path, config, resume=True).run(progress=False)


class Corrupting(GHN):
    """Makes one wrong weight for the second candidate of the fourth call."""

    calls = 0
    value = float("nan")

    def forward(self, graphs):
        made = super().forward(graphs)
        self.calls += 1
        if self.calls == 4:
            made[1]["head/linear/weight"] = made[1]["head/linear/weight"] * self.value
        return made


def test_the_candidate_with_the_nan_is_named(tmp_path):
    trainer = make_run(tmp_path, model=Corrupting(make_net().config))
    with pytest.raises(TrainingError) as error:
        trainer.run(progress=False)
    _, culprit = trainer.step.paths(3, 2)
    assert "step 4: the loss or its gradient is no longer finite" in str(error.value)
    assert f"candidates with such a loss: ['{toy.SPACE.format(culprit)}']\n" in str(error.value)
    good_state(tmp_path, 3)


def test_a_gradient_that_is_nan_names_all_candidates(tmp_path):
    trainer = make_run(tmp_path)
    trainer.step.model.embedding.tables[0].weight.register_hook(
        lambda g: g * (float("nan") if trainer.done == 2 else 1.0)
    )
    with pytest.raises(TrainingError, match=r"step 3:(?s:.*)a gradient, over the candidates") as error:
        trainer.run(progress=False)
    assert all(toy.SPACE.format(arch) in str(error.value) for arch in trainer.step.paths(2, 2))
    good_state(tmp_path, 2)


@pytest.mark.parametrize("encoder", ["graphormer", "gated"])
def test_bf16_trains_on_a_cpu_too(tmp_path, encoder):
    trainer = make_run(tmp_path, model=make_net(encoder=encoder), fabric=make_runtime("cpu", "bf16"))
    precise = make_run(tmp_path, model=make_net(encoder=encoder)).advance()
    losses = trainer.advance()
    assert losses.dtype == torch.float32
    assert not torch.equal(losses, precise)
    torch.testing.assert_close(losses, precise, rtol=0.1, atol=0.1)
    assert {p.dtype for p in trainer.step.model.parameters()} == {torch.float32}


def test_anything_with_parameters_that_makes_weights_is_trained(tmp_path):
    class Bank(nn.Module):
        """One parameter a name and shape."""

        def __init__(self):
            super().__init__()
            self.bank = nn.ParameterDict()
            for arch in (("nor_conv_3x3",) * 6, ("nor_conv_1x1",) * 6):
                for p in toy.SPACE.network(arch).graph.params():
                    self.bank[f"{p.name}{p.shape}".replace(".", "")] = nn.Parameter(torch.randn(p.shape))

        def forward(self, graphs):
            return [{p.name: self.bank[f"{p.name}{p.shape}"] for p in g.params()} for g in graphs]

    trainer = make_run(tmp_path, model=Bank())
    before = {n: p.detach().clone() for n, p in trainer.step.model.named_parameters()}
    trainer.run(progress=False)
    assert any(not torch.equal(before[n], p) for n, p in trainer.step.model.named_parameters())
    assert result(tmp_path)[0] == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "trainer: steps must be a whole number of at least 1\n +got: +0"),
        ({"images": -3}, "trainer: images must"),
        ({"save_every": 0}, "trainer: save_every must"),
        ({"lr": 0.0}, r"lr must be a number above 0\n +got: +0\.0"),
        ({"clip": -1.0}, r"clip must be a number above 0\n +got: +-1\.0"),
        ({"average": 1.0}, r"average must be a number of at least 0 and below 1\n +got: +1\.0"),
        ({"lr": float("nan")}, r"lr must be a number above 0\n +got: +nan"),
        ({"lr": "fast"}, "lr must be a number above 0"),
        ({"warmup": -1}, "warmup must be a whole number of at least 0"),
        ({"seed": 2**32}, "seed must be a whole number from 0 to 4294967295"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MetaConfig(**settings)


def test_an_unknown_sampling_and_a_batch_that_is_too_large(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown sampling\n +got: +all\n +expected: auto \| distinct \| uniform"):
        make_run(tmp_path, replace(CONFIG, sampling="all"))
    with pytest.raises(ConfigError, match=r"trainer\.images(?s:.*)got: +81\n +expected: at most 80"):
        make_run(tmp_path, replace(CONFIG, images=81))
