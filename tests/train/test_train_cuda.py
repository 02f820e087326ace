"""Training again on CUDA; skipped where there is none."""

from dataclasses import replace

import pytest
import torch
import toy
from meta_runs import CONFIG, make_net, make_run, result

from ghn.graph import simplify
from ghn.train.network import NetworkTrainer, Recipe
from ghn.train.runtime import make_runtime
from ghn.types import Network

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("encoder", ["graphormer", "gated"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bf16", 0.1)])
def test_the_first_loss_is_that_of_a_cpu(tmp_path, encoder, precision, tolerance):
    """With images in one order, and not augmented: both are drawn by the generator of the device."""
    config = replace(CONFIG, architectures=1, images=80)
    losses = []
    for fabric in (make_runtime("cpu"), make_runtime("cuda", precision)):
        folder = tmp_path / fabric.device.type
        trainer = make_run(folder, config, model=make_net(encoder=encoder), fabric=fabric)
        descent = trainer.step.descent
        descent.batch = lambda step, split=descent.task.train: next(split.batches(80))
        losses.append(trainer.advance().cpu())
    torch.testing.assert_close(*losses, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("encoder", ["graphormer", "gated"])
def test_a_run_is_resumed(tmp_path, encoder):
    fabric = make_runtime("cuda")
    make_run(tmp_path / "straight", model=make_net(encoder=encoder), fabric=fabric).run(progress=False)
    first = make_run(tmp_path / "run", model=make_net(encoder=encoder), fabric=fabric)
    for _ in range(3):
        first.advance()
    first.save()
    second = make_run(tmp_path / "run", model=make_net(5, encoder=encoder), fabric=fabric, resume=True)
    assert {t.device.type for t in second.average.values()} == {"cuda"}
    assert second.done == 3
    second.run(progress=False)
    (_, a, _), (_, b, _) = result(tmp_path / "straight"), result(tmp_path / "run")
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, atol=1e-2, rtol=1e-2)


def test_a_network_learns_and_is_resumed():
    graph, fabric = simplify(toy.SPACE.network(("nor_conv_3x3",) * 6).graph), make_runtime("cuda")
    task, recipe = toy.make_task(), Recipe(epochs=8, batch_size=16, lr=0.05)
    make = lambda seed: NetworkTrainer(Network.of(graph), task, recipe, seed, fabric)  # noqa: E731
    first = make(0)
    results = [first.run_epoch() for _ in range(4)]
    second = make(1)
    second.load_state_dict({k: v.cpu() for k, v in first.state_dict().items()})
    assert second.epoch == 4
    results += [second.run_epoch() for _ in range(4)]
    assert results[-1].train_loss < 0.7 * results[0].train_loss
