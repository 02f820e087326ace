"""Streams: what is read as it is needed is what would be read into memory."""

import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from ghn.errors import ConfigError, DataError
from ghn.tasks import from_arrays, from_stream, make_task

N = 50
X = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 3


class Counting(Dataset):
    """Knows how many items have been read."""

    def __init__(self):
        self.read = 0

    def __len__(self):
        return N

    def __getitem__(self, index):
        self.read += 1
        return X[index], int(Y[index])


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield from zip(X, Y, strict=True)


class Sharded(IterableDataset):
    """Shares its items out among workers, as torch asks for."""

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from zip(X[start::step], Y[start::step], strict=True)


def test_batches_are_read_when_they_are_needed():
    data = Counting()
    task = from_stream("t", data, classes=3, sample=10, val_share=0.2, test_share=0.2)
    known = data.read
    epoch = task.train.epoch(6, torch.Generator().manual_seed(0))
    assert data.read == known == 30, "a sample of each split"
    next(epoch)
    assert data.read == known + 6
    next(task.train.epoch(6, torch.Generator().manual_seed(0), start=3))
    assert data.read == known + 12, "what is passed over is not read"


def test_a_stream_gives_what_memory_gives():
    streamed = from_stream("t", TensorDataset(X, Y), TensorDataset(*_half(0)), TensorDataset(*_half(25)), classes=3)
    assert [len(s) for s in streamed.splits().values()] == [50, 25, 25]
    assert sorted(next(streamed.val.batches(25))[1].tolist()) == sorted(_half(0)[1].tolist())


def _half(start):
    return X[start : start + 25], Y[start : start + 25]


def test_an_epoch_of_an_index_is_shuffled_by_the_generator_alone():
    task = from_stream("t", TensorDataset(X, Y), classes=3, normalise="none")
    one, again, other = (
        torch.cat([x for x, _ in task.train.epoch(5, torch.Generator().manual_seed(s))]) for s in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert len({tuple(row) for row in one.tolist()}) == 40


@pytest.mark.parametrize("workers", [0, 2])
def test_iterables_end_where_they_are_said_to(workers):
    data = {"train": Sharded(), "val": Sharded(), "test": Sharded()}
    task = from_stream("t", **data, classes=3, workers=workers, items=20, normalise="none")
    assert [len(s) for s in task.splits().values()] == [20, 50, 50]
    seen = torch.cat([x for x, _ in task.val.batches(7)])
    assert {tuple(row) for row in seen.tolist()} == {tuple(row) for row in X.tolist()}
    assert [len(y) for _, y in task.train.epoch(8, torch.Generator())] == [8, 8]


def test_streams_without_end_and_shorter_than_said():
    ends = dict.fromkeys(("train", "val", "test"), N)
    task = from_stream("t", Endless(), Endless(), Endless(), classes=3, items=ends)
    assert sum(len(y) for _, y in task.val.batches(9)) == N
    longer = from_stream("t", Sharded(), Sharded(), Sharded(), classes=3, items=120)
    assert sum(len(y) for _, y in longer.train.batches(50)) == 120, "it begins anew"


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (TensorDataset(X, Y), {}, ConfigError, "classes of a stream cannot be counted(?s:.*)classes=10"),
        (Sharded(), {"classes": 3}, DataError, "iterable cannot be cut(?s:.*)val and test"),
        (iter([1]), {"classes": 3}, DataError, "not a dataset(?s:.*)list_iterator"),
        (TensorDataset(X, Y), {"classes": 2}, DataError, "label 2 at index(?s:.*)0 to 1"),
        (TensorDataset(X), {"classes": 3}, DataError, "cannot be read as"),
        ([(X[0], 0), (X[0, :2], 1)] * 20, {"classes": 2}, DataError, "another shape(?s:.*)\\(2,\\)"),
    ],
)
def test_wrong_streams_are_refused(data, options, error, message):
    with pytest.raises(error, match=message):
        from_stream("mine", data, **options)


def test_a_stream_by_config():
    config = {"target": "torchvision.datasets.FakeData", "size": 60, "image_size": [3, 8, 8], "num_classes": 3}
    task = make_task("dataset", train=config, classes=3, stream=True)
    x, _ = next(task.train.batches(4))
    assert task.input_shape == (3, 8, 8) and x.dtype == torch.float32
    assert task.describe()["augmentation"] == "flip_shift"
    with pytest.raises(ConfigError, match="streamed dataset has no size="):
        make_task("dataset", train=config, classes=3, stream=True, size=4)


class Changing(Dataset):
    """Items that are changed at random, as by augmenting transforms."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return X[index] + torch.rand(()), int(Y[index])


def test_random_items_of_workers_are_drawn_from_the_generator_and_the_global_one_is_left_alone():
    task = from_stream("t", Changing(), classes=3, normalise="none", workers=1)
    state = torch.get_rng_state()
    first, again, other = (next(task.train.epoch(5, torch.Generator().manual_seed(s)))[0] for s in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_stream_that_is_used_up_is_told():
    class Once(IterableDataset):
        def __init__(self):
            self.items = zip(X[:7], Y[:7], strict=True)

        def __iter__(self):
            return self.items

    with pytest.raises(DataError, match=r"stream gives nothing(?s:.*)not a generator"):
        from_stream("t", Once(), Once(), Once(), classes=3, items=dict.fromkeys(("train", "val", "test"), 20))


def test_identity_is_what_is_known():
    def made(x=X, **options):
        return from_stream("t", TensorDataset(x, Y), classes=3, **options).checksum

    assert made() == made()
    assert len({made(), made(X + 1), made(normalise="none"), made(seed=1)}) == 4
    assert made() != from_arrays("t", (X, Y)).checksum
