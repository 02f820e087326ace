"""Targets, labels, layouts and outputs as users have them: understood, or refused with what was got and what to do."""

from functools import partial

import numpy as np
import pytest
import torch

from ghn.errors import ConfigError, DataError
from ghn.tasks import Custom, ImageTask, from_arrays, from_dataset
from ghn.tasks.objectives import MultiLabel, Regression

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 4


def test_labels_by_name_and_from_one():
    names = np.array(["ant", "bee", "cat", "dog"])[Y]
    by_name, by_number = from_arrays("t", (X, names)), from_arrays("t", (X, Y))
    assert by_name.describe()["class_names"] == ["ant", "bee", "cat", "dog"]
    assert by_name.output_shape == by_number.output_shape == (4,)
    pairs = zip(next(by_name.val.batches(4)), next(by_number.val.batches(4)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    from_one = from_arrays("t", (X, Y + 1), classes=[1, 2, 3, 4])
    counts = [next(task.train.batches(40))[1].bincount().tolist() for task in (from_one, by_number)]
    assert counts[0] == counts[1]
    with pytest.raises(DataError, match=r"labels begin at 1(?s:.*)renumber(?s:.*)classes="):
        from_arrays("t", (X, Y + 1))
    with pytest.raises(DataError, match=r"split train: unknown class(?s:.*)4 at index 3"):
        from_arrays("t", (X, Y + 1), classes=[1, 2, 3])


def test_images_with_labels_by_name(pool):
    images, labels = pool
    task = from_arrays("t", (images, np.array(["x", "y", "z"])[labels]))
    assert isinstance(task, ImageTask) and task.checksum == from_arrays("t", pool).checksum
    assert task.describe()["class_names"] == ["x", "y", "z"] and "class_names" not in from_arrays("t", pool).describe()


def test_the_layout_of_images_is_said_or_asked_for(pool):
    images, labels = pool
    last = images.permute(0, 2, 3, 1)
    with pytest.raises(DataError, match=r"channels seem to come last(?s:.*)\(60, 8, 8, 3\)(?s:.*)layout=NHWC"):
        from_arrays("t", (last, labels))
    assert from_arrays("t", (last, labels), layout="NHWC").checksum == from_arrays("t", pool).checksum
    assert from_arrays("t", (last, labels), layout="NCHW").input_shape == (8, 8, 3)
    with pytest.raises(ConfigError, match=r"layout(?s:.*)NCHW \| NHWC"):
        from_arrays("t", pool, layout="CHW")


def test_units_are_those_of_the_train_split():
    numbers = 1000 + 50 * X[:, 0]
    task = from_arrays("t", (X * torch.tensor([1.0, 100.0, 0.0]) + 5, numbers), kind="regression")
    x, y = next(task.train.batches(100))
    assert x.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert x.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-4), "what is constant is only centred"
    assert (float(y.mean()), float(y.std(correction=0))) == pytest.approx((0, 1), abs=1e-4)
    assert float(task.metric(torch.zeros_like(y), y).mean()) == pytest.approx(0, abs=1e-4), "R2 of the mean"
    plain, _ = next(from_arrays("p", (X, Y), normalise="none").train.batches(100))
    assert {tuple(row) for row in plain.tolist()} < {tuple(row) for row in X.tolist()}


def test_tokens_stay_whole_numbers():
    tokens = torch.randint(9, (40, 6), dtype=torch.int32)
    x, _ = next(from_arrays("t", (tokens, Y)).train.batches(2))
    assert x.dtype == torch.int64


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:-1], {}, r"split train: input and targets must be as many(?s:.*)\(40, 3\), 39 targets"),
        (X * float("nan"), Y, {}, r"not finite(?s:.*)nan at index \[0, 0\]"),
        (X, X[:, 0], {}, r"wrong labels(?s:.*)float32(?s:.*)kind=regression"),
        (X, torch.eye(40), {}, r"wrong labels(?s:.*)argmax(?s:.*)multi_label"),
        (X, Y, {"kind": "multi_label"}, r"0 or 1(?s:.*)at index 2"),
        (X, ["a"] * 40, {"kind": "regression"}, r"targets must be numbers"),
        (X, X[:, 0] / 0, {"kind": "regression"}, r"targets must be finite(?s:.*)at index 0"),
        ([["a"]] * 40, Y, {}, "inputs are no numbers"),
    ],
)
def test_wrong_data_is_refused_with_its_name(x, y, options, message):
    with pytest.raises(DataError, match=message) as error:
        from_arrays("mine", (x, y), **options)
    assert "task mine" in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "ranking"}, r"unknown kind(?s:.*)ranking(?s:.*)classification \| multi_label \| regression"),
        ({"kind": "regression", "classes": 3}, "only a classification has classes"),
        ({"normalise": "minmax"}, r"normalise(?s:.*)standardise \| none"),
        ({"augment": "flip"}, r"flips and shifts are of images(?s:.*)augment=none"),
        ({"augment": "rotate"}, r"unknown augmentation(?s:.*)none \| flip \| shift \| flip_shift"),
        ({"size": 4}, "size= is of images"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        from_arrays("mine", (X, Y), **options)


def test_splits_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"split val: inputs differ(?s:.*)\(2,\)(?s:.*)\(3,\)"):
        from_arrays("mine", (X, Y), val=(X[:, :2], Y))


def test_losses_and_metrics_by_hand():
    several, target = MultiLabel(2), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    output = torch.tensor([[3.0, -3.0], [3.0, -3.0]])
    assert several.metric(output, target).tolist() == [1.0, 0.5]
    each = torch.nn.functional.binary_cross_entropy_with_logits(output, target)
    assert float(several.loss(output, target)) == pytest.approx(float(each))
    numbers = Regression(2)
    assert numbers.metric(output, output - torch.tensor([1.0, 3.0])).tolist() == pytest.approx([-4.0, -4.0])
    assert float(numbers.loss(output, output - 2, reduction="sum")) == pytest.approx(8.0)


def test_a_loss_of_ones_own_gives_a_number_an_item():
    wrong = Custom(_not_reduced, (1,))
    task = from_arrays("t", (X, X[:, :1]), kind=wrong)
    with pytest.raises(ConfigError, match=r"one number an item(?s:.*)\(4, 1\)(?s:.*)reduction"):
        task.loss(torch.zeros(4, 1), torch.zeros(4, 1))
    counted = Custom(_second, (1,), _near)
    task = from_arrays("t", (X, X[:, :1]), kind=counted)
    assert task.metric(torch.zeros(2, 1), torch.tensor([[0.5], [2.0]])).tolist() == [1.0, 0.0]


def test_checksums_tell_kinds_losses_and_augmentations_apart(pool):
    made = [from_arrays("t", (X, X[:, :1]), kind=kind).checksum for kind in ("regression", Custom(_first, (1,)))]
    made += [from_arrays("t", (X, X[:, :1]), kind=Custom(_second, (1,))).checksum]
    made += [from_arrays("t", pool, augment=a).checksum for a in ("none", "flip", "flip_shift", _turn)]
    assert len(set(made)) == len(made)
    assert from_arrays("t", pool, augment="flip_shift").checksum == from_arrays("t", pool).checksum


def test_functions_without_a_name_are_refused(pool):
    with pytest.raises(ConfigError, match=r"needs a name(?s:.*)lambda"):
        Custom(lambda output, target: (output - target).mean(1), (1,))
    with pytest.raises(ConfigError, match=r"needs a name(?s:.*)lambda"):
        from_arrays("t", pool, augment=lambda images, generator: images)
    kinds = {Custom(partial(_scaled, by=by), (1,)).kind for by in (1, 2)}
    assert len(kinds) == 2


def _scaled(output, target, by):
    return by * (output - target).abs().mean(1)


def _not_reduced(output, target):
    return (output - target).square()


def _near(output, target):
    return ((output - target).abs() < 1).float().mean(1)


def _first(output, target):
    return (output - target).abs().mean(1)


def _second(output, target):
    return (output - target).square().mean(1)


def _turn(images, generator):
    return images.rot90(int(torch.randint(4, (), generator=generator)), (2, 3))


def test_augmentation_is_chosen_by_the_task(pool):
    x, _ = from_arrays("t", pool).train.batch(slice(8))
    generator = torch.Generator()
    tasks = {name: from_arrays("t", pool, augment=name) for name in ("none", "flip", "shift")}
    changed = {name: task.augment(x, generator.manual_seed(0), 1) for name, task in tasks.items()}
    assert torch.equal(changed["none"], x)
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(changed["flip"], x, strict=True))
    assert not torch.equal(changed["flip"], x) and not torch.equal(changed["shift"], x)
    turned = from_arrays("t", pool, augment=_turn).augment(x, generator.manual_seed(1), 1)
    assert any(torch.equal(turned, x.rot90(k, (2, 3))) for k in range(4))


def test_items_of_dicts_name_their_columns():
    rows = [{"picture": X[i].numpy(), "fine": int(Y[i]), "id": i} for i in range(40)]
    with pytest.raises(DataError, match=r"train\[0\](?s:.*)\['picture', 'fine', 'id'\](?s:.*)columns="):
        from_dataset("t", rows)
    several = from_dataset("t", rows, columns=(["picture", "id"], "fine"))
    assert several.input_shape == {"picture": (3,), "id": ()}
    usual = [{"x": row["picture"], "label": row["fine"]} for row in rows]
    assert from_dataset("t", usual).checksum == from_arrays("t", (X, Y)).checksum


def test_what_is_no_pair_is_refused():
    with pytest.raises(
        DataError, match=r"split val: not a pair(?s:.*)Tensor(?s:.*)\(inputs, targets\)(?s:.*)from_dataset"
    ):
        from_arrays("t", (X, Y), val=X)
