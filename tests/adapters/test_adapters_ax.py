"""The node inside Ax's own client, and embeddings inside BoTorch's models."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest

pytest.importorskip("ax")
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.core import UserInputError
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY
from doubles import Double

from ghn.adapters.ax import GHNNode, parameters
from ghn.adapters.ax_storage import load_client
from ghn.errors import ArchitectureError, ConfigError
from ghn.search.surrogate import Surrogate
from ghn.spaces.configs import config_of, member_of_config
from ghn.spaces.members import live_graph
from ghn.types import Score


class Convolutions(Double):
    """Likes them: scores by their number."""

    def score(self, trials: Any) -> list[Score]:
        return [Score(float(convolutions(trial.arch))) for trial in trials]


def convolutions(cell: Any) -> int:
    return sum("conv" in op for op in cell)


def client(space: Any, objective: str = "accuracy", also: Any = (), **options: Any) -> tuple[Client, Surrogate[Any]]:
    made = Surrogate(Convolutions(), space, pool=20, **options)
    one = Client()
    one.configure_experiment([*parameters(space), *also])
    one.configure_optimization(objective)
    one.set_generation_strategy(GenerationStrategy(nodes=[GHNNode(made)]))
    return one, made


def test_ax_asks_and_tells(toy_space: Any) -> None:
    one, made = client(toy_space, also=[ChoiceParameterConfig("epochs", [3], "int")])
    known = toy_space.distinct()[11]
    one.complete_trial(one.attach_trial({**config_of(toy_space, known), "epochs": 3}), {"accuracy": 0.5})
    for _ in range(3):
        trials = one.get_next_trials(2)
        archs = {index: member_of_config(toy_space, config) for index, config in trials.items()}
        assert len({toy_space.canonical(arch) for arch in archs.values()}) == 2
        assert all(config["epochs"] == 3 for config in trials.values())
        for index, arch in archs.items():
            one.complete_trial(index, {"accuracy": float(convolutions(arch))})
    one.get_next_trials(1)
    assert len(made.observed) == 7 and made.observed[toy_space.format(known)] == 0.5
    assert all(v == convolutions(toy_space.parse(a)) for a, v in made.observed.items() if a != toy_space.format(known))
    assert sum(made.observed.values()) / 7 > 2.9


def test_failures_are_no_values_and_running_trials_are_not_suggested(toy_space: Any) -> None:
    one, made = client(toy_space)
    one.get_next_trials(4)
    one.mark_trial_failed(0)
    one.mark_trial_abandoned(1)
    one.complete_trial(2, {"accuracy": float("nan")})
    found = one.get_next_trials(1)
    assert made.observed == {}
    configs = [trial.arm.parameters for trial in one._experiment.trials.values()]
    keys = [toy_space.canonical(member_of_config(toy_space, config)) for config in configs]
    assert len(set(keys)) == 5 and len(found) == 1


def test_a_client_is_saved_and_loaded_with_a_surrogate(toy_space: Any, tmp_path: Any) -> None:
    first, _ = client(toy_space)
    for index, arm in first.get_next_trials(2).items():
        first.complete_trial(index, {"accuracy": convolutions(member_of_config(toy_space, arm)) / 10})
    first.save_to_json_file(str(tmp_path / "client.json"))
    again = Surrogate(Convolutions(), toy_space, pool=8)
    loaded = load_client(tmp_path / "client.json", again)
    (arm,) = loaded.get_next_trials(1).values()
    assert len(again.observed) == 2 and toy_space.format(member_of_config(toy_space, arm)) not in again.observed
    assert "GHNNode" not in CORE_DECODER_REGISTRY  # a client without a surrogate is not loaded by chance


def test_losses_are_minimised(toy_space: Any) -> None:
    one, made = client(toy_space, "-loss", direction="minimize")
    for index in one.get_next_trials(2):
        one.complete_trial(index, {"loss": 0.5})
    one.get_next_trials(1)
    assert list(made.observed.values()) == [0.5, 0.5]


def test_wrong_experiments(toy_space: Any) -> None:
    for options in (
        {"objective": "-accuracy"},
        {"direction": "minimize"},
        {"objective": "accuracy, -loss"},
        {"also": [RangeParameterConfig("lr", (0.1, 1.0), "float")]},
    ):
        with pytest.raises(UserInputError, match=r"maximize|minimize|one objective|search space"):
            client(toy_space, **options)[0].get_next_trials(1)  # type: ignore[arg-type]
    bounded = client(toy_space)[0]
    bounded.configure_optimization("accuracy", ["size <= 3"])
    with pytest.raises(UserInputError, match="constraints on outcomes"):
        bounded.get_next_trials(1)
    one = Client()
    one.configure_experiment([ChoiceParameterConfig("width", [8, 16], "int")])
    one.configure_optimization("accuracy")
    one.set_generation_strategy(GenerationStrategy(nodes=[GHNNode(Surrogate(Convolutions(), toy_space))]))
    with pytest.raises(UserInputError, match="search space is not the surrogate's"):
        one.get_next_trials(1)


@pytest.mark.parametrize("package", ["ax", "botorch"])
def test_a_missing_package_names_its_extra(monkeypatch: Any, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"ghn.adapters.{package}", raising=False)
    with pytest.raises(ImportError, match=rf"pip install \"ghn\[{package}\]\""):
        __import__(f"ghn.adapters.{package}")


def test_embeddings_are_a_gaussian_process_input(toy_model: Any) -> None:
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf_discrete
    from gpytorch.mlls import ExactMarginalLogLikelihood

    from ghn.adapters.botorch import Embedded, codes

    space = toy_model.space
    archs = Random(0).sample(space.distinct(), 30)
    x = codes(space, archs)
    y = torch.tensor([[float(convolutions(arch))] for arch in archs], dtype=torch.float64)
    transform = Embedded(toy_model)
    gp = SingleTaskGP(x[:20], y[:20], input_transform=transform)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp), optimizer_kwargs={"options": {"maxiter": 20}})
    posterior = gp.posterior(x[20:])
    assert posterior.mean.shape == (10, 1) and (posterior.variance > 0).all()
    best, _ = optimize_acqf_discrete(LogExpectedImprovement(gp, y[:20].max()), q=1, choices=x[20:])
    assert best[0].tolist() in x[20:].tolist()
    with torch.no_grad():
        wanted = torch.stack([toy_model.embed(live_graph(space, arch)) for arch in archs[:2]]).double()
        gap = transform(x[:2])[0] - transform(x[:2])[1]
    assert torch.allclose(gap * transform.scale, wanted[0] - wanted[1], atol=1e-4)
    assert transform(x[:6].reshape(2, 3, -1)).shape == (2, 3, wanted.shape[1])


def test_wrong_inputs_of_an_embedding(toy_model: Any) -> None:
    import torch

    from ghn.adapters.botorch import Embedded, codes

    transform = Embedded(toy_model)
    assert transform.equals(Embedded(toy_model)) and not transform.equals(torch.nn.Identity())  # type: ignore[arg-type]
    for x in (torch.zeros(2, 3), *(torch.full((2, 6), bad) for bad in (0.5, float("nan"), -1.0, 77.0))):
        with pytest.raises(ConfigError, match="no codes of architectures"):
            transform(x)
    with pytest.raises(ArchitectureError):
        codes(toy_model.space, ["|fft~0|"])
