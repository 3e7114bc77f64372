"""New data are shared only when nobody can be had by subtracting the figures of the version before."""

from __future__ import annotations

import pytest

from kneewise.disclosure.policy import read_policy
from kneewise.errors import StoreError
from kneewise.outcomes import publishing
from kneewise.outcomes.answers import Question, answer_change
from kneewise.outcomes.erasing import erase, erasure_lines
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.publishing import STAYS, can_publish, publish_if_safe, release_by_hand
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    Store,
    current_version,
    open_published,
    open_shared,
    open_store,
    publish,
    published_version,
    undo,
)
from tests.outcomes_samples import SCALES, long_csv

POLICY = read_policy()
AKPS = "instrument.akps"


def rows(
    count: int, first: int = 0, *, site: str = "North", quarter: str = "2024,Q1", last: int = 364, change: int = 0
):
    """Scores of some people: half of them improve, a fifth do not come back."""
    found = []
    for number in range(first, first + count):
        sex = "female" if number % 2 else "male"
        start = f"E{site}{number},{site},18 to 39,{sex},exercise only,{quarter},AKPS"
        found.append(f"{start},0,{50 + number % 7}")
        if number % 5:
            found.append(f"{start},{last},{(70 if number % 4 < 2 else 52) + number % 7 + change}")
    return found


@pytest.fixture
def versions(tmp_path):
    """`versions(rows, ...)`: the store's version after each import, by one clinic and under one key."""

    def imported(*exports) -> list[Store]:
        stores = []
        for export in exports:
            import_export(long_csv(export), read_profile("kneewise_long"), tmp_path / "s", SCALES)
            stores.append(open_store(tmp_path / "s"))
        return stores

    return imported


BASE = [*rows(120), *rows(120, site="South")]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("the very same people", []),
        ("a new quarter with enough people at every site", [*rows(120, 500, quarter="2024,Q3"), *rows(120, 500, site="South", quarter="2024,Q3")]),
        ("as many again", [*rows(120, 500), *rows(120, 500, site="South")]),
        ("a new site", rows(120, site="East")),
    ],
)  # fmt: skip
def test_enough_new_people_may_be_shared(name, more, versions):
    old, new = versions(BASE, [*BASE, *more])
    found = can_publish(old, new, SCALES, POLICY)
    assert (found.ok, found.reasons) == (True, ()), name


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("three joined", [*BASE, *rows(3, 500)]),
        ("three left", [*rows(117), *rows(120, site="South")]),
        ("three changed their last score", [*rows(3, change=4), *rows(117, 3), *rows(120, site="South")]),
        ("enough joined, but three only at one site", [*BASE, *rows(120, 500), *rows(3, 500, site="South")]),
        ("three moved to another site", [*rows(117), *rows(3, 117, site="South"), *rows(120, site="South")]),
    ],
)
def test_few_people_who_came_went_or_changed_keep_the_figures_as_they_were(name, export, versions):
    old, new = versions(BASE, export)
    found = can_publish(old, new, SCALES, POLICY)
    assert not found.ok, name
    assert found.reasons[0] == STAYS
    assert any("fewer than 10 people came, went or changed" in reason for reason in found.reasons[1:]), found.reasons
    assert not any(digit in " ".join(found.reasons).replace("10", "") for digit in "3789")


def test_three_people_more_are_shared_once_enough_have_come(versions):
    """The comparison is with what was shared last, so people add up over imports."""
    first, second, third = versions(
        BASE, [*BASE, *rows(3, 500)], [*BASE, *rows(120, 500), *rows(120, 500, site="South")]
    )
    assert not can_publish(first, second, SCALES, POLICY).ok
    assert can_publish(first, third, SCALES, POLICY).ok


def test_groups_that_would_cross_are_not_shared(versions):
    """East is merged with West first and with South later: East alone would be the difference."""
    before = [*rows(200), *rows(90, site="South"), *rows(12, site="East"), *rows(30, site="West")]
    after = [
        *rows(200, 1000),
        *rows(30, 1000, site="South"),
        *rows(12, 1000, site="East"),
        *rows(90, 1000, site="West"),
    ]
    old, new = versions(before, [*after, *before[:260]])
    found = can_publish(old, new, SCALES, POLICY)
    assert found.reasons == (STAYS, "The groups by site would be others than before.")


def test_people_who_are_not_found_again_are_no_ground_to_compare(versions):
    others = [*rows(120, 1000), *rows(120, 1000, site="South")]
    old, new = versions(BASE, others)
    found = can_publish(old, new, SCALES, POLICY)
    assert not found.ok
    assert any("can't be found again by their ids" in reason for reason in found.reasons)


def test_what_was_too_small_to_be_shown_gives_nothing_away(versions):
    old, new = versions(rows(8), BASE)
    assert can_publish(old, new, SCALES, POLICY).ok


def test_the_first_version_is_shared_and_a_small_change_is_not(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    with pytest.raises(StoreError):
        publish_if_safe(folder, SCALES)
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    first = published_version(folder)
    assert publish_if_safe(folder, SCALES).ok  # again, nothing new
    import_export(long_csv([*BASE, *rows(3, 500)]), profile, folder, SCALES)
    found = publish_if_safe(folder, SCALES)
    assert (found.ok, found.reasons[0]) == (False, STAYS)
    assert published_version(folder) == first
    assert answer_change(open_published(folder), Question(AKPS), SCALES).n == 190
    import_export(long_csv([*BASE, *rows(120, 500), *rows(120, 500, site="South")]), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    assert published_version(folder) == open_store(folder).version != first


def test_another_source_with_other_people_is_no_reason_against(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES, source_name="one")
    old = open_store(folder)
    import_export(long_csv(rows(40, 500)), profile, folder, SCALES, source_name="two")
    assert can_publish(old, open_store(folder), SCALES, POLICY).ok


def test_the_same_people_under_another_name_are_not_shared_by_themselves(tmp_path):
    """Else the tables of the two sources differ by whoever is in one of them only. Hazard KW-H33."""
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES, source_name="june")
    assert publish_if_safe(folder, SCALES).ok
    first = published_version(folder)
    report = import_export(long_csv(without("ENorth1")), profile, folder, SCALES, source_name="july")
    assert [overlap.source for overlap in report.overlaps] == ["june"]
    said = (
        "The same episodes are shared under 'june' already, so 'july' beside it could give people away: import both as "
        "one source, or, where the exports merely number alike, release them by hand."
    )
    assert publish_if_safe(folder, SCALES).reasons == (STAYS, said)
    # It is not forgotten with the next import of somebody else.
    import_export(long_csv(rows(40, 500)), profile, folder, SCALES, source_name="others")
    assert publish_if_safe(folder, SCALES).reasons == (STAYS, said)
    assert published_version(folder) == first
    assert [info.source for info in open_shared(folder).sources] == ["june"]
    # Importing it again with other people makes it right.
    import_export(long_csv(rows(60, 900)), profile, folder, SCALES, source_name="july")
    assert publish_if_safe(folder, SCALES).ok


def test_people_whose_figures_are_shared_are_known_also_where_their_records_were_replaced(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES, source_name="june")
    assert publish_if_safe(folder, SCALES).ok
    others = [*rows(120, 1000), *rows(120, 1000, site="South")]
    import_export(long_csv(others), profile, folder, SCALES, source_name="june")
    assert not publish_if_safe(folder, SCALES).ok
    import_export(long_csv(without("ENorth1")), profile, folder, SCALES, source_name="july")
    assert any("'june' already" in reason for reason in publish_if_safe(folder, SCALES).reasons)


def test_a_source_that_comes_back_is_compared_with_nothing_and_not_shared_by_itself(tmp_path):
    """Undone, its figures leave; imported again without one person, it would differ from what somebody may have kept."""
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(rows(60, 2000, site="West")), profile, folder, SCALES, source_name="west")
    assert publish_if_safe(folder, SCALES).ok
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    undo(folder)
    assert publish_if_safe(folder, SCALES).ok
    assert [info.source for info in open_shared(folder).sources] == ["west"]
    import_export(long_csv(without("ENorth1")), profile, folder, SCALES)
    found = publish_if_safe(folder, SCALES)
    assert not found.ok
    assert "'kneewise_long'" in found.reasons[1]
    assert "by hand" in found.reasons[1]
    assert [info.source for info in open_shared(folder).sources] == ["west"]


def without(person: str) -> list[str]:
    return [row for row in BASE if not row.startswith(f"{person},")]


def test_an_erasure_does_not_show_whom_it_erased(tmp_path):
    """The figures without one person are withheld, as they are when an import leaves that person out. Hazard KW-H33."""
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    done = erase(folder, "kneewise_long", ["ENorth1"], instruments=SCALES)
    assert (done.published_withdrawn, done.shared_again) == (True, False)
    with pytest.raises(StoreError, match="Shared figures are withdrawn"):
        open_shared(folder)
    assert not publish_if_safe(folder, SCALES).ok
    import_export(long_csv([*without("ENorth1"), *rows(120, 500)]), profile, folder, SCALES)
    found = publish_if_safe(folder, SCALES)
    assert not found.ok
    assert "store release --version" in " ".join(found.reasons)
    said = release_by_hand(folder, current_version(folder), SCALES)
    assert "kept figures from before" in " ".join(said)
    assert len(open_shared(folder).sources) == 1
    # From here on the comparison is with what was released by hand.
    import_export(long_csv([*without("ENorth1"), *rows(123, 500)]), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).reasons[0] == STAYS


def test_an_erasure_of_enough_people_keeps_the_figures_shared(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv([*BASE, *rows(120, site="East")]), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    east = [f"EEast{number}" for number in range(120)]
    done = erase(folder, "kneewise_long", east, instruments=SCALES)
    assert (done.published_withdrawn, done.shared_again) == (True, True)
    assert published_version(folder) == current_version(folder) == open_shared(folder).version
    assert any("are made from what is left" in line for line in erasure_lines(done))


def test_a_release_by_hand_says_why_it_was_not_done_by_itself(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    import_export(long_csv(without("ENorth1")), profile, folder, SCALES)
    reasons = publish_if_safe(folder, SCALES).reasons
    said = release_by_hand(folder, current_version(folder), SCALES)
    assert published_version(folder) == current_version(folder)
    assert set(reasons[1:]) <= set(said)
    with pytest.raises(StoreError, match="keeps no version"):
        release_by_hand(folder, "0123456789ab", SCALES)


def test_a_release_is_of_what_was_compared(tmp_path, monkeypatch):
    """While two versions are compared another program may erase, withdraw or release."""
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    import_export(long_csv([*BASE, *rows(120, site="East")]), profile, folder, SCALES)
    real = publishing.can_publish

    def meanwhile(*arguments):
        publish(folder, None)
        return real(*arguments)

    monkeypatch.setattr(publishing, "can_publish", meanwhile)
    found = publish_if_safe(folder, SCALES)
    assert (found.ok, found.reasons) == (False, ("The store was changed in the meantime; try again.",))
    assert published_version(folder) == EMPTY_VERSION


def test_a_published_version_that_is_lost_is_said(tmp_path):
    folder, profile = tmp_path / "s", read_profile("kneewise_long")
    import_export(long_csv(BASE), profile, folder, SCALES)
    assert publish_if_safe(folder, SCALES).ok
    (folder / "PUBLISHED").write_text("0123456789ab")
    import_export(long_csv([*BASE, *rows(120, 500)]), profile, folder, SCALES)
    found = publish_if_safe(folder, SCALES)
    assert not found.ok
    assert "store release --version" in found.reasons[-1]
