"""Tasks from users' images and labels in memory."""

import numpy as np
import pytest

from ghn.errors import ConfigError, DataError
from ghn.tasks import from_arrays


def members(split):
    return {(image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)}


def test_from_arrays_holds_out_stratified_disjoint_splits(pool):
    task = from_arrays("toy", pool, val_share=0.2, test_share=0.1)
    assert task.classes == 3 and task.channels == 3 and task.image_size == (8, 8)
    counts = [split.labels.bincount().tolist() for split in task.splits().values()]
    assert counts == [[21, 12, 9], [6, 4, 2], [3, 2, 1]]
    parts = [members(split) for split in task.splits().values()]
    assert len(parts[0] | parts[1] | parts[2]) == 60


def test_from_arrays_does_not_depend_on_the_order_given(pool):
    images, labels = pool
    reverse = from_arrays("toy", (images.flip(0), labels.flip(0)))
    assert reverse.checksum == from_arrays("toy", pool).checksum
    assert from_arrays("toy", pool, seed=1).checksum != reverse.checksum


def test_given_splits_are_kept(pool):
    images, labels = pool
    task = from_arrays("toy", pool, val=(images[:5], labels[:5]), test=(images[5:9], labels[5:9]))
    assert [len(split) for split in task.splits().values()] == [60, 5, 4]


def test_floats_and_numpy_are_converted(pool):
    images, labels = pool
    task = from_arrays("toy", ((images / 255).numpy(), labels.numpy().astype(np.int32)), size=4)
    assert task.checksum == from_arrays("toy", pool, size=4).checksum and task.image_size == (4, 4)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda x, y: (x[:, 0], y), {}, r"(?s)\(60, 8, 8\).*add the channel axis"),
        (lambda x, y: (x.long(), y), {}, "torch.int64"),
        (lambda x, y: (x.float(), y), {}, r"(?s)from 0 to 255.*0 to 1"),
        (lambda x, y: (x / 127.5 - 1, y), {}, "(?s)from -1 to 1.*normalisation"),
        (lambda x, y: (x * float("nan"), y), {}, "nan"),
        (lambda x, y: (x[:0], y[:0]), {}, "at least one image"),
        (lambda x, y: (x, y[:-1]), {}, r"\(59,\)"),
        (lambda x, y: (x, y.float()), {}, "torch.float32"),
        (lambda x, y: (x, y + 1), {}, "(?s)no image of class 0.*renumber"),
        (lambda x, y: (x, y - 1), {}, "(?s)label -1"),
        (lambda x, y: (x, y), {"classes": 2}, "(?s)12 of 60 .*label 2 at index 48.*0 to 1"),
        (lambda x, y: (x[:2], y[:2]), {}, "too few images"),
    ],
)
def test_wrong_arrays_are_refused_clearly(pool, change, options, message):
    with pytest.raises(DataError, match=message) as caught:
        from_arrays("mine", change(*pool), **options)
    assert "mine" in str(caught.value)


def test_splits_of_other_shapes_and_bad_shares_are_refused(pool):
    with pytest.raises(DataError, match=r"split val.*\n.*\[3, 4, 8\]"):
        from_arrays("mine", pool, val=(pool[0][:, :, :4], pool[1]))
    with pytest.raises(ConfigError, match="val_share"):
        from_arrays("mine", pool, val_share=1.5)
