"""Missing patients as a band: what a share or a mean could be if those who never answered were known. Arithmetic only.

Four readings of the same data, none of them a forecast: as observed; plausible (the missing ones did as the observed ones
that began alike, give or take a stated difference); and the two bounds, where all of them did as badly, or as well, as can
be. Every assumption is an argument, and stands in the result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ShareCell:
    """People who began alike (one band of the first score): `responders` of the `observed`, and the `missing` ones."""

    band: str
    observed: int
    responders: int
    missing: int


@dataclass(frozen=True)
class MeanCell:
    """People who began alike: the sum of the `observed` values, and the `missing` people.

    `lowest` and `highest` are the least and the greatest value a person of this band can have (a change is bounded by
    where the person began).
    """

    band: str
    observed: int
    total: float
    missing: int
    lowest: float
    highest: float


@dataclass(frozen=True)
class Band:
    """One number under different assumptions about the missing, from the lowest to the highest.

    `lowest` and `highest` are the bounds: nothing the missing people did could lead beyond them. `plausible` takes the
    missing as like the observed of their band, `plausible_low` and `plausible_high` as `difference` below and above.
    `observed` leaves them out, so it need not lie between the plausible ends: those who are missing began differently.
    """

    observed: float
    lowest: float
    plausible_low: float
    plausible: float
    plausible_high: float
    highest: float
    people: int
    missing: int
    difference: float
    unseen_bands: tuple[str, ...]
    """Bands with missing people and nobody observed; the observed of all bands stand in for them."""


def share_band(cells: Iterable[ShareCell], *, difference: float) -> Band:
    """The band of a share (0..1) of responders.

    Parameters
    ----------
    difference : float
        How much the share of responders among the missing may differ from that of the observed of their band (0..1).

    Raises
    ------
    ValueError
        Nobody observed, counts that do not fit each other, or `difference` outside 0..1.
    """
    cells = list(cells)
    _check(0 <= difference <= 1, "the difference of a share lies within 0..1")
    for cell in cells:
        _check(0 <= cell.responders <= cell.observed and cell.missing >= 0, "responders lie within the observed")
    observed, missing = sum(cell.observed for cell in cells), sum(cell.missing for cell in cells)
    _check(observed > 0, "a band needs somebody observed")
    responders = sum(cell.responders for cell in cells)
    everybody = observed + missing

    def reading(shift: float) -> float:
        likely = sum(
            cell.missing * min(1.0, max(0.0, _like(cell.responders, cell.observed, responders / observed) + shift))
            for cell in cells
        )
        return (responders + likely) / everybody

    return Band(
        observed=responders / observed,
        lowest=responders / everybody,
        plausible_low=reading(-difference),
        plausible=reading(0.0),
        plausible_high=reading(difference),
        highest=(responders + missing) / everybody,
        people=everybody,
        missing=missing,
        difference=difference,
        unseen_bands=_unseen(cells),
    )


def mean_band(cells: Iterable[MeanCell], *, difference: float) -> Band:
    """The band of a mean, in the unit of the values.

    Parameters
    ----------
    difference : float
        How much the mean of the missing may differ from that of the observed of their band, in the values' unit.

    Raises
    ------
    ValueError
        Nobody observed, `difference` below 0, or a band whose observed mean lies outside `lowest`..`highest`.
    """
    cells = list(cells)
    _check(difference >= 0, "the difference of a mean is at least 0")
    for cell in cells:
        _check(cell.observed >= 0 and cell.missing >= 0 and cell.lowest <= cell.highest, "a band's ends are in order")
        fits = cell.observed == 0 or cell.lowest <= cell.total / cell.observed <= cell.highest
        _check(fits, "a band's observed mean lies within what its people can have")
    observed, missing = sum(cell.observed for cell in cells), sum(cell.missing for cell in cells)
    _check(observed > 0, "a band needs somebody observed")
    total = sum(cell.total for cell in cells)
    everybody = observed + missing

    def reading(shift: float) -> float:
        likely = sum(
            cell.missing
            * min(cell.highest, max(cell.lowest, _like(cell.total, cell.observed, total / observed) + shift))
            for cell in cells
        )
        return (total + likely) / everybody

    return Band(
        observed=total / observed,
        lowest=(total + sum(cell.missing * cell.lowest for cell in cells)) / everybody,
        plausible_low=reading(-difference),
        plausible=reading(0.0),
        plausible_high=reading(difference),
        highest=(total + sum(cell.missing * cell.highest for cell in cells)) / everybody,
        people=everybody,
        missing=missing,
        difference=difference,
        unseen_bands=_unseen(cells),
    )


def _like(total: float, observed: int, of_all: float) -> float:
    """The mean of the observed of a band; of all bands where nobody of it was observed."""
    return total / observed if observed else of_all


def _unseen(cells: Iterable[ShareCell | MeanCell]) -> tuple[str, ...]:
    return tuple(cell.band for cell in cells if cell.missing and not cell.observed)


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
