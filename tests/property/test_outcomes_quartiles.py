"""Quartiles of counted values are the quartiles of the values one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kneewise.outcomes.questions import QUARTILES, _weighted_quartiles


@given(
    st.lists(
        st.tuples(st.integers(-100, 100), st.integers(1, 40)), min_size=1, max_size=60, unique_by=lambda pair: pair[0]
    )
)
def test_quartiles_of_counts_equal_numpys_of_the_single_values(pairs):
    pairs = sorted(pairs)
    values, weights = np.array([float(value) for value, _ in pairs]), np.array([weight for _, weight in pairs])
    expected = np.quantile(np.repeat(values, weights), QUARTILES)
    assert _weighted_quartiles(values, weights) == pytest.approx(expected)
