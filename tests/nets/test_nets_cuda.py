"""The numerics again on CUDA; skipped where there is none."""

import pytest
import torch

from ghn.graph import Interpreter
from ghn.nets import RandomInit
from ghn.train.runtime import make_runtime

pytestmark = pytest.mark.gpu


@pytest.fixture
def cuda():
    return make_runtime("cuda").device


@torch.no_grad()
def test_the_same_weights_as_on_a_cpu(graphs, make_ghn, config, cuda):
    ghn = make_ghn(**config)
    expected = ghn(graphs)
    for made, own in zip(ghn.to(cuda)(graphs), expected, strict=True):
        assert {w.device for w in made.values()} == {cuda}
        for name, weight in own.items():
            torch.testing.assert_close(made[name].cpu(), weight, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_same_embeddings_as_on_a_cpu(graphs, make_ghn, config, cuda):
    ghn = make_ghn(**config)
    expected = ghn.embed(graphs)
    torch.testing.assert_close(ghn.to(cuda).embed(graphs).cpu(), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_same_logits_as_on_a_cpu(graphs, cuda):
    for graph in graphs:
        x = torch.randn(8, *graph.input_shape)
        here, there = (RandomInit(device=device)([graph])[0] for device in ("cpu", cuda))
        logits = Interpreter(graph).run(there, x.to(cuda)).output.cpu()
        torch.testing.assert_close(logits, Interpreter(graph).run(here, x).output, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_candidates_run_without_waiting_for_the_device(graphs, make_ghn, cuda):
    weights = make_ghn().to(cuda)(graphs)
    xs = [torch.randn(8, *g.input_shape, device=cuda) for g in graphs]
    torch.cuda.set_sync_debug_mode("error")
    try:
        for graph, own, x in zip(graphs, weights, xs, strict=True):
            Interpreter(graph).run(own, x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
