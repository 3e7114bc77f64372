"""Whatever the units' sizes, nobody among them can be had by subtraction, not even with the exact counts."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.disclosure.comparison import plan_hidden
from kneewise.disclosure.grouping import EVERYBODY, SMALLER_GROUPS, merge_small
from kneewise.disclosure.policy import read_policy

POLICY = read_policy()
SIZE = st.one_of(st.integers(0, 12), st.integers(0, 60))


def merged_elsewhere(people: dict[str, int]) -> frozenset[str]:
    """What an answer split by these units shows only together; nothing where it isn't shown at all."""
    import numpy as np

    counts = np.array(list(people.values())).reshape(-1, 1, 1)
    grouping = merge_small(list(people), [EVERYBODY], counts, POLICY.threshold)
    return frozenset(name for name in people if grouping.first.get(name, SMALLER_GROUPS) == SMALLER_GROUPS)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(SIZE, st.integers(0, 6)), min_size=1, max_size=7))
def test_no_shown_unit_and_no_difference_of_shown_ones_is_small(units):
    """Each unit has people with both scores, of whom a few lack an expected score."""
    pairs = {f"u{place}": n for place, (n, _) in enumerate(units)}
    people = {f"u{place}": max(0, n - lacking) for place, (n, lacking) in enumerate(units)}
    merged = merged_elsewhere(pairs)
    hidden = plan_hidden(people, merged, POLICY)
    shown = [name for name in people if name not in hidden]
    assert merged <= hidden
    for name in shown:
        assert people[name] >= POLICY.threshold
    whole = sum(people.values())
    for count in range(len(shown) + 1):
        for some in itertools.combinations(shown, count):
            rest = whole - sum(people[name] for name in some)
            # Of nobody hidden and nothing left, nothing can be learnt.
            assert rest >= POLICY.threshold or (rest == 0 and not hidden) or not shown
