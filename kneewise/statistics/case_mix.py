"""Case mix: what a unit's patients were to be expected to reach, given how they began. Sums in, frozen results out.

A unit whose patients begin worse will end worse, whatever it does. So each unit is compared with the mean that patients
like its own reach everywhere: by a regression of the last score on the first one and on categories (age band, sex), or by
expected scores that came with the data. Both work from sums per cell, so that no person's row is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class CaseMixCell:
    """Counts and sums of the people of one unit who share all categories. Exact, so never to be shown.

    Parameters
    ----------
    categories : tuple of str
        One value per category, in the same order in every cell.
    first_sum, last_sum, first_squares, last_squares, products : float
        Sums of the first score, of the last one, of their squares, and of first times last.
    """

    unit: str
    categories: tuple[str, ...]
    n: int
    first_sum: float
    last_sum: float
    first_squares: float
    last_squares: float
    products: float


@dataclass(frozen=True)
class CaseMixModel:
    """A linear model of the last score.

    `terms` names the coefficients: the intercept, the first score, and every category's value but its first one (which the
    others are compared with); `levels` are every category's values. `residual_sd` is the spread of single people around what was expected of them, with the
    model's degrees of freedom; it belongs to the whole, not to a unit.
    """

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    category_names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    n: int
    degrees_of_freedom: int
    residual_sd: float


@dataclass(frozen=True)
class AdjustedUnit:
    """A unit's mean last score beside the expected one.

    `difference` is observed minus expected; `adjusted_change` is `difference` plus the mean change of the whole, which is
    what the unit's mean change would be with everybody's case mix.
    """

    name: str
    n: int
    observed: float
    expected: float
    difference: float
    adjusted_change: float


@dataclass(frozen=True)
class AdjustedUnits:
    """All units, with the whole they are compared with. `model` is None where the expected scores came with the data."""

    units: tuple[AdjustedUnit, ...]
    n: int
    overall_change: float
    residual_sd: float
    model: CaseMixModel | None


@dataclass(frozen=True)
class ExpectedCell:
    """Counts and sums of one unit whose people each came with an expected last score. Exact, so never to be shown.

    `residual_squares` is the sum of (last minus expected) squared.
    """

    unit: str
    n: int
    last_sum: float
    expected_sum: float
    residual_squares: float


def cells_of_arrays(
    units: Sequence[str], categories: Sequence[Sequence[str]], first: Sequence[float], last: Sequence[float]
) -> tuple[CaseMixCell, ...]:
    """The cells of single people: `categories[i]` are the values of person i.

    Raises
    ------
    ValueError
        Lists of different length, nobody, or a score that is missing.
    """
    before, after = np.asarray(first, dtype=float), np.asarray(last, dtype=float)
    _check(len(units) == len(categories) == len(before) == len(after) > 0, "case mix needs one value per person")
    _check(bool(np.isfinite(before).all() and np.isfinite(after).all()), "case mix needs both scores of everybody")
    places: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for place, unit in enumerate(units):
        places.setdefault((unit, tuple(categories[place])), []).append(place)
    return tuple(
        CaseMixCell(
            unit, values, len(mine), float(before[mine].sum()), float(after[mine].sum()),
            float((before[mine] ** 2).sum()), float((after[mine] ** 2).sum()), float((before[mine] * after[mine]).sum()),
        )
        for (unit, values), mine in places.items()
    )  # fmt: skip


def fit_case_mix(cells: Iterable[CaseMixCell], category_names: Sequence[str]) -> CaseMixModel:
    """The least-squares model of the last score on the first one and the categories, from the cells' sums alone.

    A category that has one value only, or a first score that is the same for everybody, explains nothing and gets no
    coefficient of its own; nor do categories that say the same as others (the smallest coefficients are taken then).

    Raises
    ------
    ValueError
        Nobody, a cell with another number of categories, or no person more than the model has coefficients.
    """
    cells = [cell for cell in cells if cell.n > 0]
    _check(bool(cells), "case mix needs at least one person")
    _check(
        all(len(cell.categories) == len(category_names) for cell in cells), "every cell needs one value per category"
    )
    n = sum(cell.n for cell in cells)
    middle = sum(cell.first_sum for cell in cells) / n
    levels = [sorted({cell.categories[place] for cell in cells}) for place in range(len(category_names))]
    terms = ["intercept", "first score"]
    terms += [f"{name}: {level}" for name, values in zip(category_names, levels, strict=True) for level in values[1:]]
    # The first score is counted from its mean, so that the sums of squares stay small and nothing is lost in them.
    gram, moment, total_squares = np.zeros((len(terms), len(terms))), np.zeros(len(terms)), 0.0
    last_mean = sum(cell.last_sum for cell in cells) / n
    for cell in cells:
        flags = [
            float(cell.categories[place] == level) for place, values in enumerate(levels) for level in values[1:]
        ]  # fmt: skip
        fixed = np.array([1.0, *flags])
        others = np.array([0, *range(2, len(terms))])
        first = cell.first_sum - cell.n * middle
        last = cell.last_sum - cell.n * last_mean
        gram[np.ix_(others, others)] += cell.n * np.outer(fixed, fixed)
        gram[1, others] += first * fixed
        gram[others, 1] += first * fixed
        gram[1, 1] += cell.first_squares - 2 * middle * cell.first_sum + cell.n * middle**2
        moment[others] += last * fixed
        moment[1] += cell.products - middle * cell.last_sum - last_mean * first
        total_squares += cell.last_squares - 2 * last_mean * cell.last_sum + cell.n * last_mean**2
    useful = np.diag(gram) > 0
    # Sums of squares are rounded at about 1e-16 of their size, so a spread below a trillionth of it is none.
    useful[1] = gram[1, 1] > _NO_SPREAD * sum(cell.first_squares for cell in cells)
    scale = np.where(useful, 1 / np.sqrt(np.where(useful, np.diag(gram), 1.0)), 0.0)
    found, _, rank, _ = np.linalg.lstsq(gram * np.outer(scale, scale), moment * scale, rcond=1e-10)
    coefficients = found * scale
    freedom = n - int(rank)
    _check(freedom > 0, "case mix needs more people than the model has coefficients")
    left = max(0.0, float(total_squares - coefficients @ moment))
    coefficients[0] += last_mean - coefficients[1] * middle
    return CaseMixModel(
        terms=tuple(terms),
        coefficients=tuple(map(float, coefficients)),
        category_names=tuple(category_names),
        levels=tuple(map(tuple, levels)),
        n=n,
        degrees_of_freedom=freedom,
        residual_sd=math.sqrt(left / freedom),
    )


def adjust_by_model(cells: Iterable[CaseMixCell], model: CaseMixModel) -> AdjustedUnits:
    """Every unit's mean last score beside what the model expects of its patients, in the order of the units' names.

    Raises
    ------
    ValueError
        A cell has a category's value that the model has not seen.
    """
    cells = [cell for cell in cells if cell.n > 0]
    weights = dict(zip(model.terms, model.coefficients, strict=True))
    sums: dict[str, np.ndarray] = {}
    change = 0.0
    for cell in cells:
        constant = weights["intercept"]
        for name, value, levels in zip(model.category_names, cell.categories, model.levels, strict=True):
            _check(value in levels, f"the model has not seen {name} '{value}'")
            constant += weights.get(f"{name}: {value}", 0.0)
        entry = np.array([cell.n, cell.last_sum, cell.n * constant + weights["first score"] * cell.first_sum])
        sums[cell.unit] = sums.get(cell.unit, np.zeros(3)) + entry
        change += cell.last_sum - cell.first_sum
    return _adjusted(sums, change / sum(cell.n for cell in cells), model.residual_sd, model)


def adjust_by_expected(cells: Iterable[ExpectedCell], overall_change: float) -> AdjustedUnits:
    """Every unit's mean last score beside the mean of the expected scores that came with the data, in order of names.

    Expected scores may have been fitted on other years, so that everybody does better than expected, or worse. They are
    moved by the whole's mean residual: then the whole is as expected, and a unit's difference is one from the others.
    The residual SD is that of the whole around its mean.

    Parameters
    ----------
    overall_change : float
        Mean change of the whole that `adjusted_change` starts from. It may include people without an expected score.

    Raises
    ------
    ValueError
        Fewer than two people.
    """
    cells = [cell for cell in cells if cell.n > 0]
    n = sum(cell.n for cell in cells)
    _check(n >= 2, "case mix needs at least two people with an expected score")
    shift = sum(cell.last_sum - cell.expected_sum for cell in cells) / n
    squares = sum(cell.residual_squares for cell in cells) - n * shift**2
    sums: dict[str, np.ndarray] = {}
    for cell in cells:
        entry = np.array([cell.n, cell.last_sum, cell.expected_sum + cell.n * shift])
        sums[cell.unit] = sums.get(cell.unit, np.zeros(3)) + entry
    return _adjusted(sums, overall_change, math.sqrt(max(0.0, squares) / (n - 1)), None)


def _adjusted(
    sums: dict[str, np.ndarray], overall_change: float, residual_sd: float, model: CaseMixModel | None
) -> AdjustedUnits:
    """Units from (n, sum of last scores, sum of expected ones)."""
    units = []
    for name in sorted(sums):
        n, last, expected = map(float, sums[name])
        difference = (last - expected) / n
        units.append(AdjustedUnit(name, int(n), last / n, expected / n, difference, overall_change + difference))
    return AdjustedUnits(tuple(units), sum(unit.n for unit in units), overall_change, residual_sd, model)


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
