import json
import os
from random import Random

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ghn.errors import CheckpointError
from ghn.train.checkpoint import SCHEMA, fit_tensors, load_tensors, save_tensors, versions

TENSORS = {
    "weight": torch.arange(12.0).reshape(3, 4),
    "half": torch.ones(2, dtype=torch.bfloat16),
    "step": torch.tensor(7),
    "mask": torch.tensor([True, False]),
    "empty": torch.zeros(0, 3),
}
CARD = {"metrics": {"kendall": 0.512345}, "note": "äß", "none": None, "sizes": [1, 2]}


@pytest.fixture
def path(tmp_path):
    save_tensors(tmp_path / "deep" / "a.safetensors", "thing", TENSORS, CARD)
    return tmp_path / "deep" / "a.safetensors"


def refused(path, message, kind="thing"):
    with pytest.raises(CheckpointError, match=message):
        load_tensors(path, kind)


def test_round_trip(path):
    tensors, header = load_tensors(path, "thing")
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert header["card"] == CARD
    assert header["versions"] == versions()
    assert set(versions()) >= {"ghn", "torch"}
    assert len(header["digest"]) == 64


def test_tensors_on_their_way_are_not_changed(tmp_path):
    """Views, transposed and trained tensors are written as they look."""
    base = torch.arange(12.0, requires_grad=True)
    tensors = {"a": base.view(3, 4).t(), "b": base[::2]}
    save_tensors(tmp_path / "a", "thing", tensors, {})
    loaded, _ = load_tensors(tmp_path / "a", "thing")
    assert all(torch.equal(loaded[k], tensors[k]) and not loaded[k].requires_grad for k in tensors)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.9, 0.999])
def test_truncated(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path, "cannot be read: truncated(?s:.*)download it again")


def test_every_changed_byte_is_noticed(path):
    """Header or tensor: whatever bit is flipped."""
    data, rng = path.read_bytes(), Random(0)
    spots = [*range(16), *range(len(data) - 70, len(data)), *(rng.randrange(len(data)) for _ in range(400))]
    for spot in spots:
        path.write_bytes(data[:spot] + bytes([data[spot] ^ (1 << rng.randrange(8))]) + data[spot + 1 :])
        refused(path, str(path))
    path.write_bytes(data)
    load_tensors(path, "thing")


def test_a_changed_tensor_is_named_as_such(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(torch.arange(12.0).numpy().tobytes(), (torch.arange(12.0) + 1).numpy().tobytes()))
    refused(path, "changed after it was written: its tensors do not match their digest(?s:.*)use the original file")


@pytest.mark.parametrize(("old", "new"), [("0.512345", "0.912345"), ('\\"note', '\\"nose'), ("torch", "torsh")])
def test_an_edited_card_is_noticed(path, old, new):
    data = path.read_bytes()
    assert data.count(old.encode()) >= 1
    path.write_bytes(data.replace(old.encode(), new.encode()))
    refused(path, "changed after it was written: its card does not match its seal")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "got: +a safetensors file of another program"),
        ({"format": "pt"}, "of another program"),
        ({"ghn": "[1]"}, "of another program"),
        ({"ghn": "{"}, "cannot be read"),
        ({"ghn": json.dumps({"schema": "ghn.checkpoint/99"})}, f"got: +ghn.checkpoint/99\n +expected: {SCHEMA}"),
        ({"ghn": json.dumps({"schema": SCHEMA, "kind": "thing"})}, "do not match their digest"),
    ],
)
def test_foreign_files(tmp_path, metadata, message):
    save_file({"a": torch.ones(2)}, tmp_path / "foreign", metadata)
    refused(tmp_path / "foreign", message)


def test_not_a_safetensors_file_at_all(tmp_path):
    torch.save({"a": 1}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "a pickle, as torch.save writes")
    (tmp_path / "a.txt").write_text("weights")
    refused(tmp_path / "a.txt", "not a safetensors file")


def test_missing_or_a_folder(tmp_path):
    refused(tmp_path / "none", "no checkpoint here(?s:.*)none")
    refused(tmp_path, "no checkpoint here")


def test_another_kind(path):
    refused(path, "a checkpoint of another kind\n +got: +thing\n +expected: hypernetwork", kind="hypernetwork")


def test_a_file_without_a_seal_is_read(path):
    """Those written before there were seals."""
    _, header = load_tensors(path, "thing")
    save_file({k: v.clone() for k, v in TENSORS.items()}, path, {"ghn": json.dumps(header)})
    assert "seal" not in header
    assert load_tensors(path, "thing")[1] == header


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failing_write_keeps_the_old_file_and_leaves_nothing(path, monkeypatch, failing):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        save_tensors(path, "thing", {"weight": torch.zeros(3)}, {})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_card_that_is_not_json_is_refused_before_anything_is_written(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_tensors(path, "thing", TENSORS, {"bad": {1, 2}})
    assert path.read_bytes() == before


def test_tensors_are_fitted_only_to_their_own_module():
    module = nn.Linear(4, 3)
    own = {k: torch.full_like(v, 2.0) for k, v in module.state_dict().items()}
    fit_tensors(module, own, "file")
    assert torch.equal(module.weight, own["weight"])
    for change, message in [
        ({"extra": torch.ones(1)}, r"got: +\['extra'\]"),
        ({"weight": torch.ones(4, 3)}, r"tensor weight.*\n +got: +\(4, 3\) torch.float32\n +expected: \(3, 4\)"),
        ({"bias": torch.ones(3, dtype=torch.float16)}, "tensor bias(?s:.*)torch.float16"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            fit_tensors(module, {**own, **change}, "file")
    with pytest.raises(CheckpointError, match=r"got: +\['bias'\]"):
        fit_tensors(module, {"weight": own["weight"]}, "file")
    assert torch.equal(module.weight, own["weight"])
