"""Checkpoints: one safetensors file that says everything about itself. Loading checks it all and guesses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor

from ghn.errors import CheckpointError
from ghn.files import write_atomic
from ghn.nets.net import check_shapes
from ghn.reading import from_json, is_file, open_plain, read_bytes, reading

SCHEMA = "ghn.checkpoint/1"
LARGEST = 1 << 34  # bytes of a file
_KEY = "ghn"
_PACKAGES = ("ghn", "torch", "torch-geometric", "numpy")


def versions() -> dict[str, str]:
    """Versions of the packages that matter for a result."""
    return {name: version(name) for name in _PACKAGES}


def save_tensors(path: Path | str, kind: str, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Writes tensors and a JSON card into one file, atomically: a reader sees the old file or the new one.

    Versions, a digest of the tensors and a seal over the header are added. `kind` says what it is, such as
    `hypernetwork`; `load_tensors` must ask for the same.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    header = {"schema": SCHEMA, "kind": kind, "versions": versions(), "digest": _digest(tensors), "card": dict(card)}
    header = json.loads(json.dumps(header))
    write_atomic(Path(path), save(tensors, {_KEY: json.dumps({**header, "seal": _seal(header)}, sort_keys=True)}))


def load_tensors(path: Path | str, *kinds: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_tensors` wrote, if it is of one of these kinds.

    Returns:
        The tensors, on the CPU, and the whole header (`card`, `versions`, ...).

    Raises:
        CheckpointError: missing, truncated, foreign, of another kind, or changed since it was written.
    """
    path = Path(path)
    with _opening(path):
        data = read_bytes(path, LARGEST)  # once: the library opens a file twice; meanwhile a training may replace it
        metadata = from_json(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__") or {}
        header = from_json(metadata.get(_KEY, "null"))
        tensors = load(data)
        digest = _digest(tensors)
    return tensors, _checked(path, header, kinds, digest)


def read_header(path: Path | str, *kinds: str) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Reads what a checkpoint says of itself, and the shapes of its tensors by name, but no tensor.

    Whether the tensors are those that were written is not known then.

    Raises:
        CheckpointError: as `load_tensors`, but for tensors that were changed.
    """
    path = Path(path)
    with _opening(path), safe_open(path, "pt") as file:
        header = from_json((file.metadata() or {}).get(_KEY, "null"))
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return _checked(path, header, kinds), shapes


def is_pickle(path: Path) -> bool:
    """Whether a file begins as those of `torch.save` do, today's and those of before version 1.6."""
    try:
        with open_plain(path) as file:
            return file.read(4) in (b"PK\x03\x04", b"\x80\x02\x8a\n")
    except (OSError, ValueError):
        return False  # which is told by whoever reads it


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Around what reads a checkpoint, which may be missing, or any file."""
    if not is_file(path):
        raise CheckpointError(
            "no checkpoint here",
            got=str(path),
            expected="a .safetensors file written by ghn",
            fix="a training leaves one in its folder: FOLDER/checkpoint.safetensors",
        )
    if is_pickle(path):
        raise CheckpointError(
            f"{path} is a pickle, as torch.save writes: ghn reads none, as it could run anything",
            got=path.name,
            expected="a .safetensors file written by ghn",
            fix="train one (ghn train), or give the checkpoint.safetensors of a training",
        )
    what, fix = f"{path} cannot be read: truncated, or not a safetensors file", "copy or download it again"
    with reading(what, error=CheckpointError, fix=fix):
        yield


def _checked(path: Path, header: Any, kinds: Sequence[str], digest: str | None = None) -> dict[str, Any]:
    """A header of one of these kinds that is as it was written; the `digest` of tensors that were read must be its."""
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        got = header.get("schema") if isinstance(header, dict) else "a safetensors file of another program"
        raise CheckpointError(f"{path} is not a checkpoint of this version of ghn", got=got, expected=SCHEMA)
    if header.get("kind") not in kinds:
        raise CheckpointError(
            f"{path} is a checkpoint of another kind",
            got=header.get("kind"),
            expected=" | ".join(kinds),
            fix="choose another file",
        )
    changed = None
    if (digest is not None and header.get("digest") != digest) or not isinstance(header.get("card"), dict):
        changed = "its tensors do not match their digest"
    elif header.pop("seal", seal := _seal(header)) != seal:  # the first files had no seal
        changed = "its card does not match its seal"
    if changed:
        raise CheckpointError(f"{path} was changed after it was written: {changed}", fix="use the original file")
    return header


def fit_tensors(module: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Loads tensors into a module whose names, shapes and dtypes must be exactly theirs."""
    try:
        check_shapes(module, tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    module.load_state_dict(dict(tensors))


def _seal(header: Mapping[str, Any]) -> str:
    """A digest of all of a header but the seal itself."""
    plain = {k: v for k, v in header.items() if k != "seal"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        total.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        total.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
