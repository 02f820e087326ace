"""Trainings that several processes share: the weights are those of one; who joins late, or is killed, is named."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from meta_runs import make_net, make_run, result
from rank_runs import CONFIGS, STRAIGHT, Stopping, run_case, start_ranks
from shared_cases import make_bank
from toy import SPACE, make_task

from ghn.errors import ConfigError, RankError
from ghn.families.sharing.darts import DartsConfig
from ghn.families.sharing.enas import EnasConfig
from ghn.families.sharing.train import train_shared
from ghn.train.checkpoint import load_tensors
from ghn.train.launch import Launch, launched, refuse_ranks, starter
from ghn.train.meta import MetaStep
from ghn.train.ranks import SIGNALS, Ended, OneProcess, _end, last_words
from ghn.train.runtime import Runtime, make_runtime, ranks_of


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same trainings in this process alone."""
    folder = tmp_path_factory.mktemp("one")
    for name in CONFIGS:
        run_case(name, folder / name)
    return folder


@pytest.fixture(scope="module")
def two(one: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trainings of `rank_runs.main` on two ranks."""
    folder = tmp_path_factory.mktemp("two")
    run_case("uneven", folder / "one-then-two", kind=Stopping)
    with start_ranks(folder) as torchrun:
        _, said = torchrun.communicate(timeout=300)  # a guard against hanging, not a claim
    assert torchrun.returncode == 1
    (folder / "said").write_text(said)
    return folder


def alike(first: Path, second: Path) -> None:
    """Asserts that two runs left the same state and log but for rounding."""
    (step, tensors, log), (other_step, other_tensors, other_log) = result(first), result(second)
    assert step == other_step and tensors.keys() == other_tensors.keys()
    for name, value in tensors.items():
        torch.testing.assert_close(value, other_tensors[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    assert [line.keys() for line in log] == [line.keys() for line in other_log]
    assert [line["loss"] for line in log if "loss" in line] == pytest.approx(
        [line["loss"] for line in other_log if "loss" in line], rel=1e-5
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_two_ranks_train_what_one_process_does(one: Path, two: Path, name: str) -> None:
    alike(one / name, two / name)
    model = {k[6:]: v for k, v in result(two / name)[1].items() if k.startswith("model/")}
    second = load_tensors(two / f"{name}-second.safetensors", "test")[0]
    assert all(torch.equal(second[key], value) for key, value in model.items())


def test_what_no_rank_uses_stays_as_it_was_and_has_no_momentum(two: Path) -> None:
    _, tensors, _ = result(two / "bank")
    start = make_bank().state_dict()
    moved = {name for name in start if not torch.equal(start[name], tensors[f"model/{name}"])}
    momenta = {key.split("/", 1)[1].rsplit("/", 1)[0] for key in tensors if key.startswith("optimizer/")}
    assert moved == momenta and 0 < len(moved) < len(start)


@pytest.mark.parametrize("name", ["one-then-two", "two-then-one"])
def test_a_run_goes_on_with_another_number_of_ranks(one: Path, two: Path, name: str) -> None:
    if name == "two-then-one":
        assert result(two / name)[0] == 4
        run_case("uneven", two / name, resume=True)
    alike(one / "uneven", two / name)


def test_a_killed_rank_ends_all_with_a_message_and_the_run_goes_on(one: Path, two: Path) -> None:
    said = (two / "said").read_text()
    assert "rank 1 of 2 has ended" in said or "another rank has ended, and torchrun says which" in said
    assert (
        said.count(f"go on with: torchrun --nproc-per-node=2 rank_runs.py {two} out={two / 'killed'} resume=true") == 1
    )
    assert "Signal 9 (SIGKILL)" in said  # torchrun's own
    assert result(two / "killed")[0] == 3
    run_case("uneven", two / "killed", resume=True)
    alike(one / "uneven", two / "killed")


def test_what_rank_0_does_alone_may_take_long_but_a_step_may_not(two: Path) -> None:
    assert [(two / f"alone-{rank}").read_text() for rank in (0, 1)] == ["rank 0 slept"] * 2
    assert "rank 1 of 2 has not answered rank 0 for 0.5 s" in (two / "late-0").read_text()
    assert (two / "late-1").exists()


class One(OneProcess):
    """One rank of several that do not run at once: what they would add up is kept."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count


def ranked(rank: int, count: int) -> Runtime:
    runtime = make_runtime("cpu")
    runtime.ranks = One(rank, count)
    return runtime


def test_every_architecture_is_someones_and_every_rank_has_one() -> None:
    for n in range(3, 9):
        parts = [range(n)[One(rank, 3).part(n)] for rank in range(3)]
        assert [i for part in parts for i in part] == list(range(n))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert OneProcess().part(5) == slice(0, 5)
    with pytest.raises(ConfigError, match=r"fewer architectures(?s:.*)architectures=2, 3 ranks(?s:.*)architectures=3"):
        One(0, 3).part(2)


def test_losses_of_the_others_are_zero_and_all_count_the_same() -> None:
    def losses(fabric: Fabric) -> tuple[torch.Tensor, torch.Tensor]:
        step = MetaStep(make_net(), SPACE, make_task(), CONFIGS["uneven"], fabric)
        found = step.losses(0, step.paths(0, 3))
        found.mean().backward()
        return found.detach(), step.model.embedding.tables[0].weight.grad

    (all_losses, gradient), (a, first), (b, second) = map(losses, (make_runtime("cpu"), ranked(0, 2), ranked(1, 2)))
    assert a.count_nonzero() == 1 and b.count_nonzero() == 2
    torch.testing.assert_close(a + b, all_losses)
    torch.testing.assert_close(first + second, gradient, rtol=1e-4, atol=1e-7)


class OtherData(One):
    """The second of two ranks, whose first has another task."""

    def first(self, work: Any) -> Any:
        return {**work(), "task": "another"}


def test_ranks_with_different_data_are_refused(tmp_path: Path) -> None:
    runtime = ranked(1, 2)
    runtime.ranks = OtherData(1, 2)
    with pytest.raises(ConfigError, match=r"training of rank 1 (?s:.*)task differ(?s:.*)same settings and data"):
        make_run(tmp_path / "run", STRAIGHT, fabric=runtime)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("config", "name"), [(EnasConfig(every=1), "enas"), (DartsConfig(), "darts")])
def test_what_cannot_be_divided_says_so(config: Any, name: str, toy_space: Any, toy_task: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"weights={name} trains in one process: (?s:.*)2 ranks"):
        train_shared(config, toy_space, toy_task, STRAIGHT, ranked(0, 2), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- who joins, and who does not ---


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[dist.TCPStore]:
    """A store as torchrun's, and its variables."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    as_rank(monkeypatch, 0, store.port)
    yield store
    del store


def as_rank(patch: pytest.MonkeyPatch, rank: int, port: int, ranks: int = 2) -> None:
    variables = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": ranks}
    for name, value in {**variables, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
        patch.setenv(name, str(value))


def test_a_rank_that_never_joins_is_named_and_one_that_comes_later_is_told(
    store: dist.TCPStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        RankError, match=r"not all ranks have joined within 0\.2 s(?s:.*)no rank 1\n(?s:.*)rank_timeout="
    ):
        make_runtime("cpu", rank_timeout=0.2)
    as_rank(monkeypatch, 1, store.port)
    with pytest.raises(RankError, match=r"rank 1 of 2 joins too late: (?s:.*)waited for rank 1"):
        make_runtime("cpu", rank_timeout=0.2)
    assert not dist.is_initialized()


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 1, 1)  # nobody listens on that port
    with pytest.raises(RankError, match=r"rank 1 of 2: nobody answers at 127\.0\.0\.1:1 for 0\.3 s"):
        make_runtime("cpu", rank_timeout=0.3)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts back who hears signals."""
    found = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in found.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_the_first_that_ends_says_why(store: dist.TCPStore, monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 1, store.port)
    dist.PrefixStore("ghn/0", store).set("out", "its folder")
    assert last_words("mine") == "its folder"
    as_rank(monkeypatch, 0, store.port)
    assert last_words("mine") is None


def test_a_process_that_torchrun_did_not_start_is_alone(monkeypatch: pytest.MonkeyPatch, fabric: Fabric) -> None:
    assert launched() is None and starter() == ["python"] and last_words("here") == "here"
    refuse_ranks("this", "")
    assert ranks_of(fabric).count == ranks_of(Fabric(accelerator="cpu")).count == 1
    as_rank(monkeypatch, 0, 1, ranks=1)
    assert launched() is None


def test_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 3, 1, ranks=4)
    assert launched() == Launch(3, 4, 3, 4) and starter() == ["torchrun", "--nproc-per-node=4"]
    with pytest.raises(ConfigError, match=r"evaluate\.py runs in one process(?s:.*)4 ranks of torchrun"):
        refuse_ranks("evaluate.py", "start it with python")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert starter() == ["torchrun", "--nnodes=2", "--nproc-per-node=2"]
    assert make_runtime("cpu").world_size == 1  # not asked to join: a scorer in a script of a user's own
    for wrong in ("3", "two", "0"):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", wrong)
        with pytest.raises(ConfigError, match=rf"ranks do not fit(?s:.*)LOCAL_WORLD_SIZE={wrong}"):
            launched()


def test_more_ranks_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 0, 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"GPU of its own(?s:.*)2 ranks on this machine, GPUs: 1(?s:.*)device=cpu"):
        make_runtime("auto", rank_timeout=1)


@pytest.mark.usefixtures("handlers")
def test_a_signal_ends_once() -> None:
    with pytest.raises(Ended, match="torchrun says which"):
        _end(signal.SIGTERM, None)
    os.kill(os.getpid(), signal.SIGTERM)  # not heard
    assert issubclass(Ended, KeyboardInterrupt)  # so that no guard around a candidate takes it for an error
