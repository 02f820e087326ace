import os
from dataclasses import replace

import pytest
import torch
import toy
from meta_runs import CONFIG, make_net, make_run, result, same

from ghn.errors import CheckpointError, ExistsError
from ghn.spaces import NASBench201
from ghn.train.checkpoint import load_tensors, save_tensors
from ghn.train.loop import STATE


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    make_run(folder).run(progress=False)
    return folder


def test_what_a_run_leaves(straight):
    step, tensors, log = result(straight)
    assert step == 6
    assert {k.split("/")[0] for k in tensors} == {"model", "average", "optimizer"}
    assert [line["step"] for line in log] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert [line["check/none"] for line in log if "check/sum" in line] == [None, None]
    assert sorted(p.name for p in straight.iterdir() if p.is_file()) == ["log.jsonl", STATE]


def test_the_same_run_again_gives_bitwise_the_same(straight, tmp_path):
    torch.manual_seed(99)  # the global random state has no part in it
    make_run(tmp_path / "run").run(progress=False)
    same(straight, tmp_path / "run")


class Killed(BaseException):
    """Stands for Ctrl-C at an arbitrary place."""


def strike(trainer, place, step):
    """Makes the trainer die at a place in a step."""
    owner, name = {
        "before the step": (trainer.step.descent, "batch"),
        "in the forward pass": (trainer.step.model.decoder, "forward"),
        "before the update": (trainer.step.descent.optimizer.optimizer, "step"),
        "amidst the update": (trainer, "_update_average"),
    }[place]
    original = getattr(owner, name)

    def dying(*args, **kwargs):
        if trainer.done == step:
            raise Killed
        return original(*args, **kwargs)

    setattr(owner, name, dying)


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize("place", ["before the step", "in the forward pass", "before the update", "amidst the update"])
def test_an_interrupted_run_goes_on_exactly(straight, tmp_path, place, step):
    trainer = make_run(tmp_path)
    strike(trainer, place, step)
    with pytest.raises(Killed):
        trainer.run(progress=False)
    assert result(tmp_path)[0] <= step
    make_run(tmp_path, model=make_net(seed=5), resume=True).run(progress=False)
    same(straight, tmp_path)


def test_a_failing_save_keeps_the_state_before(straight, tmp_path, monkeypatch):
    trainer = make_run(tmp_path)
    original = os.replace

    def full_disk(source, target):
        if trainer.done > 3:
            raise OSError(28, "No space left on device")
        return original(source, target)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        trainer.run(progress=False)
    monkeypatch.undo()
    assert result(tmp_path)[0] == 2
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".tmp"]
    make_run(tmp_path, resume=True).run(progress=False)
    same(straight, tmp_path)


def test_a_finished_run_is_resumed_to_itself(straight, tmp_path):
    make_run(tmp_path).run(progress=False)
    trained = make_run(tmp_path, model=make_net(seed=5), resume=True).run(progress=False)
    same(straight, tmp_path)
    _, tensors, _ = result(straight)
    assert all(torch.equal(p, tensors[f"average/{n}"]) for n, p in trained.named_parameters())


@pytest.mark.parametrize("name", [STATE, "log.jsonl"])
def test_an_existing_run_is_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ExistsError, match=r"holds a run already(?s:.*)resume=true"):
        make_run(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_nothing_to_resume(tmp_path, capsys):
    """What was killed before its first state begins, and says so; what may be another's folder is refused."""
    for name in ("log.jsonl", ".lock", ".state.safetensors.123456789.0123abcd.tmp"):
        (tmp_path / name).touch()
    for folder in (tmp_path / "nowhere", tmp_path):
        assert make_run(folder, resume=True).done == 0
        assert capsys.readouterr().err == f"nothing to go on with in {folder}; starting anew\n"
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CheckpointError, match=f"no run to resume(?s:.*){STATE}"):
        make_run(tmp_path, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": replace(CONFIG, lr=5e-3)}, r"trainer differ(?s:.*)'lr': 0.01(?s:.*)expected:(?s:.*)'lr': 0.005"),
        ({"task": toy.make_task(train=7)}, "task differ"),
        ({"space": NASBench201((3, 8, 8), 4, 4, depth=2)}, "space differ(?s:.*)depth=1(?s:.*)depth=2"),
        ({"config": replace(CONFIG, seed=1), "task": toy.make_task(val=7)}, "task, trainer differ"),
        ({"model": make_net(position=False)}, "tensors do not match(?s:.*)embedding.tables"),
        ({"model": make_net(kernel=5)}, r"decoder.heads.conv_weight.position.\w+ does not match"),
    ],
)
def test_another_run_is_not_resumed(straight, change, message):
    config = change.pop("config", CONFIG)
    with pytest.raises(CheckpointError, match=message):
        make_run(straight, config, resume=True, **change)


def test_a_state_that_is_none_is_refused(tmp_path):
    make_run(tmp_path, replace(CONFIG, steps=1)).run(progress=False)
    tensors, header = load_tensors(tmp_path / STATE, "training state")
    average = next(name for name in tensors if name.startswith("average/"))
    without = {name: value for name, value in tensors.items() if name != average}
    for changed, card in (
        (without, {}),
        ({**tensors, average: torch.zeros(1, 2, 3)}, {}),
        (tensors, {"step": None}),
        (tensors, {"seconds": []}),
        (tensors, {"step": 1e999}),
    ):
        save_tensors(tmp_path / STATE, "training state", changed, {**header["card"], **card})
        with pytest.raises(CheckpointError, match="no state of a training"):
            make_run(tmp_path, replace(CONFIG, steps=1), resume=True)
