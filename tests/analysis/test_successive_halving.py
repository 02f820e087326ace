"""Successive halving as numbers; that it promotes what a search promotes is in tests/search/test_simulate.py."""

from __future__ import annotations

import numpy as np

from ghn.analysis.successive_halving import climb


def climbed(values: object, sizes: tuple[int, ...]) -> list[list[int]]:
    return [rows.tolist() for rows in climb(np.array(values, dtype=float), sizes)]


def test_a_replay_takes_no_more_than_there_are_places_and_makes_do_with_fewer() -> None:
    rising = np.repeat(np.arange(9.0)[:, None], 2, axis=1)
    assert climbed(rising, (4, 2)) == [[0, 1, 2, 3], [3, 2]]
    assert climbed(rising[5:6], (4, 2)) == [[0], [0]]
    assert climbed(np.zeros((0, 2)), (4, 2)) == [[], []]


def test_of_equals_the_earlier_goes_on_and_each_rung_reads_its_own_values() -> None:
    assert climbed([[1, 0, 0], [1, 9, 0], [0, 9, 9]], (3, 2, 1)) == [[0, 1, 2], [0, 1], [1]]
