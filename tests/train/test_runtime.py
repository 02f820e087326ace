import pytest
import torch

from ghn.errors import ConfigError
from ghn.train.loop import RunLog, read_lines
from ghn.train.runtime import make_runtime


@pytest.fixture
def nothing_but_a_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_takes_what_there_is(nothing_but_a_cpu):
    assert make_runtime().device == make_runtime("cpu").device == torch.device("cpu")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(nothing_but_a_cpu, device):
    with pytest.raises(ConfigError, match=rf"device {device} is not available\n +expected: \['cpu'\]\n.*device=auto"):
        make_runtime(device)


def test_unknown_names():
    with pytest.raises(ConfigError, match=r"unknown device\n +got: +gpu\n +expected: auto \| cpu \| cuda \| mps"):
        make_runtime("gpu")
    with pytest.raises(ConfigError, match=r"unknown precision\n +got: +float16\n +expected: float32 \| tf32 \| bf16"):
        make_runtime("cpu", "float16")


def test_threads_are_set_and_else_left_alone():
    before = torch.get_num_threads()
    make_runtime("cpu")
    assert torch.get_num_threads() == before
    make_runtime("cpu", threads=2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_of_autocast(precision, dtype):
    with make_runtime("cpu", precision).autocast():
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == dtype


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("tf32", True)])
def test_float32_is_exact_on_cuda(precision, allowed):
    assert make_runtime("cuda", precision).device.type == "cuda"
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is allowed


def lines(folder):
    return read_lines(folder / "log.jsonl")


def test_a_log_goes_on_after_a_kill(tmp_path):
    log = RunLog(tmp_path)
    for step in (1, 2, 3, 4):
        log.write(step, loss=step / 10, check=None)
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')  # torn by the kill
    log = RunLog(tmp_path, step=2)  # the state was saved at step 2
    log.write(3, loss=0.3)
    log.close()
    assert lines(tmp_path) == [
        {"step": 1, "loss": 0.1, "check": None},
        {"step": 2, "loss": 0.2, "check": None},
        {"step": 3, "loss": 0.3},
    ]


def test_each_line_is_on_disk_when_it_is_written(tmp_path):
    log = RunLog(tmp_path)
    log.write(1, loss=0.5)
    assert lines(tmp_path) == [{"step": 1, "loss": 0.5}]
    log.close()
