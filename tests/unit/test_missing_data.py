"""The band of the missing, worked out by hand, and what is refused."""

from __future__ import annotations

import pytest

from kneewise.statistics.missing_data import MeanCell, ShareCell, mean_band, share_band

LOW, HIGH = ShareCell("low third", 40, 30, 20), ShareCell("high third", 60, 15, 10)


def test_the_band_of_a_share_by_hand():
    band = share_band([LOW, HIGH], difference=0.3)
    assert band.observed == pytest.approx(45 / 100)
    assert band.lowest == pytest.approx(45 / 130)
    assert band.highest == pytest.approx(75 / 130)
    # 20 missing as 30 of 40, 10 missing as 15 of 60.
    assert band.plausible == pytest.approx((45 + 20 * 0.75 + 10 * 0.25) / 130)
    assert band.plausible_low == pytest.approx((45 + 20 * 0.45 + 10 * 0.0) / 130)  # 0.25 - 0.3 stops at 0
    assert band.plausible_high == pytest.approx((45 + 20 * 1.0 + 10 * 0.55) / 130)  # 0.75 + 0.3 stops at 1
    assert (band.people, band.missing, band.difference, band.unseen_bands) == (130, 30, 0.3, ())


def test_the_band_of_a_mean_by_hand():
    cells = [MeanCell("low", 10, 50.0, 5, -10.0, 20.0), MeanCell("high", 10, 10.0, 5, -30.0, 4.0)]
    band = mean_band(cells, difference=2.0)
    assert band.observed == pytest.approx(3.0)
    assert band.plausible == pytest.approx((60 + 5 * 5 + 5 * 1) / 30)
    assert band.plausible_low == pytest.approx((60 + 5 * 3 + 5 * -1) / 30)
    assert band.plausible_high == pytest.approx((60 + 5 * 7 + 5 * 3) / 30)
    assert band.lowest == pytest.approx((60 - 50 - 150) / 30)
    assert band.highest == pytest.approx((60 + 100 + 20) / 30)
    assert mean_band(cells, difference=9.0).plausible_high == pytest.approx(
        (60 + 5 * 14 + 5 * 4) / 30
    )  # 1 + 9 stops at 4


def test_a_band_that_nobody_came_back_from_is_named_and_taken_as_all():
    band = share_band([LOW, ShareCell("none seen", 0, 0, 10)], difference=0.0)
    assert band.unseen_bands == ("none seen",)
    assert band.plausible == pytest.approx((30 + 20 * 0.75 + 10 * 0.75) / 70)


def test_without_missing_people_all_readings_agree():
    band = share_band([ShareCell("all", 50, 20, 0)], difference=0.5)
    assert {band.observed, band.lowest, band.plausible_low, band.plausible, band.highest} == {0.4}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: share_band([], difference=0.1), "somebody observed"),
        (lambda: share_band([ShareCell("a", 0, 0, 9)], difference=0.1), "somebody observed"),
        (lambda: share_band([ShareCell("a", 5, 6, 9)], difference=0.1), "within the observed"),
        (lambda: share_band([ShareCell("a", 5, 2, -1)], difference=0.1), "within the observed"),
        (lambda: share_band([LOW], difference=1.1), "within 0..1"),
        (lambda: mean_band([MeanCell("a", 2, 9.0, 1, 0, 4)], difference=0), "within what its people can have"),
        (lambda: mean_band([MeanCell("a", 2, 4.0, 1, 4, 0)], difference=0), "ends are in order"),
        (lambda: mean_band([MeanCell("a", 2, 4.0, 1, 0, 4)], difference=-1), "at least 0"),
        (lambda: mean_band([MeanCell("a", 0, 0.0, 1, 0, 4)], difference=1), "somebody observed"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
