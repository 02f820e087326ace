"""Reads the published trainings of NAS-Bench-301: DARTS networks on CIFAR-10, a JSON file each.

A file holds the configuration, the accuracies in percent, and the learning curves.

Source: Zela et al., ICLR 2022; github.com/automl/nasbench301, README.md and surrogate_models/utils.py.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ghn.errors import ArchitectureError, DataError
from ghn.reading import read_json, reading
from ghn.spaces.darts.configuration import PREFIX, parse_configuration
from ghn.spaces.darts.genotype import format_genotype
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

LARGEST = 1 << 22  # bytes of a file; one with the curves of 100 epochs has 20 thousand
MOST = 200_000  # files of a folder; 60 thousand were published
FILES = "results_*.json"
CONFIGURATION = "optimized_hyperparamater_config"  # spelt as it is in the files
FIX = "get the file again: github.com/automl/nasbench301 says where"

Model = TypeVar("Model", bound=BaseModel)
Percent = Annotated[float, Field(ge=0, le=100)]
Loss = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class _Keys(BaseModel):
    """What is read of an object of a file, under the names that keys have there; others are passed over."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class _Fidelity(_Keys):
    """What the trainings of one table have in common."""

    width: Count = Field(validation_alias=f"{PREFIX}init_channels")
    depth: Count = Field(validation_alias=f"{PREFIX}layers")
    epochs: Count = Field(validation_alias="SimpleLearningrateSchedulerSelector:cosine_annealing:T_max")


class _Curves(_Keys):
    """Readings after every epoch; losses in nats."""

    train_loss: list[Loss] = Field([], validation_alias="Train/train_loss")
    train_accuracy: list[Percent] = Field([], validation_alias="Train/train_accuracy")
    val_loss: list[Loss] = Field([], validation_alias="Train/val_cross_entropy")
    val_accuracy: list[Percent] = Field(validation_alias="Train/val_accuracy", min_length=1)


class _Info(_Keys):
    """Readings at the end."""

    val_accuracy: Percent
    epochs: Count


class _Training(_Keys):
    """A file."""

    configuration: dict[str, Any] = Field(validation_alias=CONFIGURATION)
    info: list[_Info] = Field(min_length=1, max_length=1)
    test_accuracy: Percent
    runtime: Loss  # seconds
    curves: _Curves | None = Field(None, validation_alias="learning_curves")


def read_nasbench301(path: str | Path) -> ReferenceTable:
    """Reads the trainings in a folder, and in those below, as a table with learning curves.

    Several trainings of one network are told apart by their number in the order of the paths, its seed. Where a file
    has no curves, the validation accuracy at the end stands alone.

    Args:
        path: a folder of files `results_*.json`, all of one skeleton and number of epochs; or one such file.

    Raises:
        DataError: there is none, a file is damaged, too large or of another form, or its skeleton or epochs are not
            those of the first; names file and key.
    """
    files = _files(Path(path))
    common: _Fidelity | None = None
    repeats, runs = Counter[str](), []
    for file in files:
        training = _checked(_Training, file, _content(file))
        fidelity = _checked(_Fidelity, file, training.configuration, f"{CONFIGURATION}: ")
        common = common or fidelity
        if fidelity != common:
            raise DataError(
                f"{file}: trained otherwise than {files[0]}, and one table holds trainings of one kind",
                got=str(fidelity),
                expected=str(common),
                fix="give a folder with those of one skeleton and number of epochs",
            )
        arch = _arch(file, training)
        runs.append(_run(file, training, arch, seed=repeats[arch]))
        repeats[arch] += 1
    assert common is not None  # as there is a file
    return ReferenceTable(_header(common), tuple(runs))


def _files(path: Path) -> list[Path]:
    """The files, in a fixed order."""
    if path.is_file():
        return [path]
    found = sorted(path.rglob(FILES)) if path.is_dir() else []
    if not 1 <= len(found) <= MOST:
        raise DataError(
            f"{path}: no folder with trainings of NAS-Bench-301",
            got=f"{len(found)} files {FILES}",
            expected=f"1 to {MOST}",
            fix="give the folder that the published archive unpacks to, or a part of it",
        )
    return found


def _content(file: Path) -> Any:
    with reading(f"{file}: no training of NAS-Bench-301", fix=FIX):
        return read_json(file, LARGEST)


def _checked(model: type[Model], file: Path, content: Any, place: str = "") -> Model:
    """What an object of a file says; a `DataError` names the first key that is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = place + ": ".join(map(str, first["loc"]))
        got = "nothing" if first["type"] == "missing" else repr(first["input"])[:80]
        raise DataError(f"{file}, {key or 'all of it'}", got=got, expected=first["msg"], fix=FIX) from None


def _arch(file: Path, training: _Training) -> str:
    """The network, as the space formats it."""
    try:
        return format_genotype(parse_configuration(training.configuration))
    except ArchitectureError as error:
        raise DataError(f"{file}, {CONFIGURATION}: {error}", fix=FIX) from None


def _run(file: Path, training: _Training, arch: str, seed: int) -> Run:
    info, curves = training.info[0], training.curves
    test, seconds = _fraction(training.test_accuracy), training.runtime
    if curves is None:
        last = (_fraction(info.val_accuracy),)
        return Run(arch, seed, val_accuracy=last, epochs=(info.epochs,), test_accuracy=test, seconds=seconds)
    try:
        return Run(
            arch,
            seed,
            train_loss=tuple(curves.train_loss),
            train_accuracy=tuple(map(_fraction, curves.train_accuracy)),
            val_loss=tuple(curves.val_loss),
            val_accuracy=tuple(map(_fraction, curves.val_accuracy)),
            test_accuracy=test,
            seconds=seconds,
        )
    except DataError as error:  # curves of different lengths
        raise DataError(f"{file}, learning_curves: {error}", fix=FIX) from None


def _fraction(percent: float) -> float:
    return round(percent / 100, 8)  # 97.68 is .9768


def _header(fidelity: _Fidelity) -> TableHeader:
    recipe = {
        "epochs": fidelity.epochs,
        "optimizer": "SGD, learning rate to 0 by cosine",
        "augmentation": "cutout, random augmentations, mixup; auxiliary head; path dropout",
        "images": "40,000 of the 50,000 for training, 10,000 for validation",
    }
    return TableHeader(
        space="darts",
        task="cifar10",
        skeleton={"input_shape": [3, 32, 32], "classes": 10, "width": fidelity.width, "depth": fidelity.depth},
        recipe=recipe,
        source="Zela et al., NAS-Bench-301, ICLR 2022 (github.com/automl/nasbench301)",
    )
