"""No two inputs hide a third one from the groups in which they are tried."""

from __future__ import annotations

import itertools

import pytest

from wsgicache.why.grouping import groups


@pytest.mark.parametrize("count", [1, 9, 10, 17, 26, 47])
def test_each_is_in_a_group_without_any_two_others(count: int) -> None:
    made = [set(group) for group in groups(range(count))]
    for one in range(count):
        mine = [group for group in made if one in group]
        for two in itertools.combinations(set(range(count)) - {one}, 2):
            assert any(group.isdisjoint(two) for group in mine), (one, two)


def test_there_are_few_groups() -> None:
    assert groups([]) == []
    made = groups(range(300))
    assert len(made) <= 4 * 18
    assert max(map(len, made)) <= 18
