"""Whether the data of a new import may be shared: what changed since the shared figures must not rest on few people.

Who keeps last month's figures and reads this month's can subtract them. So a new version is shared only when the
groups of the two versions don't cross, and when in every cell that both tell (the coarser one, where one lies within
the other) the people who came in, went out or changed are none or enough. Otherwise the shared figures stay those of
the version before, until later imports have brought enough people. Where nothing is left to compare with (after an
erasure, a withdrawal, an undone first import), or another source holds the same people, a person has to release by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import round_count
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import like_mine, over_time, questions, recovering
from kneewise.outcomes.answers import choice_labels, list_choices
from kneewise.outcomes.asking import ATTRIBUTE_NAMES, Asked, Question, check_question
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.manifests import BY_HAND, VERSION_NAME, hold_people, is_forgotten
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    WITHDRAWN,
    SourceInfo,
    Store,
    open_published,
    open_store,
    open_version,
    publish,
    publish_if_unchanged,
    published_version,
    shared_sources_lost,
)
from kneewise.outcomes.tables import Plan, plan_of

STAYS = "The shared figures stay those of the version before."
UNDONE_STAYS = "They may be those of what was undone; `python -m kneewise store withdraw` takes them back."
UNCHECKED = "Released by hand: whoever kept figures from before may find people by comparing them with these."
SIDES = ("old", "new")
_BETWEEN = "\x1f"
RECOGNISED = 0.5
"""At least this share of the smaller version's people must be in both, or the two can't be compared."""


@dataclass(frozen=True)
class Publication:
    """Whether a version may be shared, and why not: one sentence per reason, none of which tells a number of people."""

    ok: bool
    reasons: tuple[str, ...] = ()


def publish_if_safe(store_dir: Path, instruments: Instruments, policy: Policy | None = None) -> Publication:
    """Share the store's current version where that is safe; the answer says whether it is shared now.

    Raises
    ------
    StoreError
        The store holds no data, another import holds its lock, or the disk refuses.
    """
    new = open_store(store_dir)
    try:
        published = published_version(store_dir)
        if published == new.version:
            return Publication(True)
        if published == EMPTY_VERSION:
            return Publication(False, (WITHDRAWN,))
        previous = None if published is None else open_published(store_dir)
    except StoreError as problem:
        way_out = () if BY_HAND in str(problem) else (f"Release a version by hand with {BY_HAND}.",)
        return Publication(False, (*problem.sentences, *way_out))
    found = can_publish(previous or new, new, instruments, policy or read_policy())
    if not found.ok:
        return found
    if publish_if_unchanged(store_dir, new.version, published):
        return Publication(True)
    return Publication(False, ("The store was changed in the meantime; try again.",))


def release_by_hand(
    store_dir: Path, version: str, instruments: Instruments, policy: Policy | None = None
) -> tuple[str, ...]:
    """Share a kept version because a person decided so; returns what is to be said about it, as sentences.

    Raises
    ------
    StoreError
        The version is not kept, not complete or empty; another import holds the lock; the disk refuses.
    """
    reasons: tuple[str, ...] = (UNCHECKED,)
    if version != EMPTY_VERSION and VERSION_NAME.fullmatch(version):
        try:
            found = can_publish(
                open_published(store_dir), open_version(store_dir, version), instruments, policy or read_policy()
            )
            reasons = () if found.ok else (UNCHECKED, *found.reasons[1:])
        except (StoreError, DisclosureRefused):
            reasons = (UNCHECKED,)  # nothing to compare with; a version that can't be read is refused by the next line
    publish(store_dir, version)
    return (f"Shared figures are made from version {version} now.", *reasons)


def can_publish(previous: Store, new: Store, instruments: Instruments, policy: Policy) -> Publication:
    """Whether figures of the new version may follow those of the previous one.

    An instrument that is in one of them only can't be compared, so it is no reason against it; nor is a source, as long as
    no other source holds the same people, and every source that was ever shared is there to tell.
    """
    reasons = dict.fromkeys(_reasons_of_other_sources(previous, new))
    before = {info.source: info for info in previous.sources}
    for info in new.sources:
        if info.source in before and before[info.source].files != info.files:
            reasons |= dict.fromkeys(reasons_of_source(previous, new, info.source, instruments, policy))
    return Publication(not reasons, (STAYS, *reasons) if reasons else ())


def _reasons_of_other_sources(previous: Store, new: Store) -> Iterator[str]:
    """What speaks against a source because of the others that are shared, or were."""
    before, after = ({info.source: info for info in store.sources} for store in (previous, new))
    changed = {name for name, info in after.items() if name not in before or before[name].files != info.files}
    incomparable = is_forgotten(new.folder) or shared_sources_lost(previous.sources, new.sources)
    for name in sorted(changed - set(before)):
        if incomparable and hold_people([after[name]]):
            yield (
                f"Figures of records that are not shared any more were seen before, and nobody can tell what '{name}' gives "
                f"away beside them: release it by hand with {BY_HAND}."
            )
    for name, info in sorted(after.items()):
        for other in sorted({*before, *after} & set(info.overlaps)):
            people = hold_people([info]) and hold_people([before.get(other) or after[other]])
            if people and {name, other} & changed:
                yield (
                    f"The same episodes are shared under '{other}' already, so '{name}' beside it could give people away: "
                    "import both as one source, or, where the exports merely number alike, release them by hand."
                )


def reasons_of_source(
    previous: Store, new: Store, source: str, instruments: Instruments, policy: Policy
) -> Iterator[str]:
    """What speaks against the figures of a source that both versions hold, as sentences."""
    old_info, info = previous.source(source), new.source(source)
    for name in sorted(set(old_info.instruments) & set(info.instruments) & set(instruments)):
        scale = instruments[name]
        old = _Side(previous, old_info, scale, plan_of(previous, old_info, scale, instruments, policy))
        now = _Side(new, info, scale, plan_of(new, info, scale, instruments, policy))
        if old.plan.possible and now.plan.possible:
            yield from _reasons(old, now, instruments, policy)
    yield from _reasons_of_episodes(previous, new, source, instruments, policy)


@dataclass(frozen=True)
class _Side:
    """One version of one instrument of one source, with its plan of release."""

    store: Store
    info: SourceInfo
    scale: InstrumentRange
    plan: Plan


@dataclass(frozen=True)
class _Measure:
    """One count that both versions tell in a table. `part` names it; for changes it is the ends of a bin.

    `labels` are the groups that both tell: where those of one version lie within those of the other, the larger ones.
    `attributes` are empty for everybody.
    """

    attributes: tuple[str, ...]
    labels: Mapping[str, Mapping[str, str]]
    part: str | tuple[float, float]


def _reasons(old: _Side, new: _Side, instruments: Instruments, policy: Policy) -> Iterator[str]:
    crossing = _crossing(old.plan, new.plan, policy)
    if crossing:
        yield crossing
        return
    people = _both(old, new, policy)
    there = [people[f"text_{side}"].notna() for side in SIDES]
    if (there[0] & there[1]).sum() < RECOGNISED * min(each.sum() for each in there):
        yield "Most episodes can't be found again by their ids, so it is not known what changed since then."
        return
    # Who is the same in both versions came, went and changed nowhere.
    others = _with_attributes(people[~people["same"]], policy)
    visits = [f"visit {place}" for place, each in enumerate(new.info.visit_windows) if each in old.info.visit_windows]
    for measure in (*_measures(old.plan, new.plan), *(_Measure((), {}, visit) for visit in visits)):
        if _told_in_both(measure, people, policy.threshold) and _few(measure, others, policy.threshold):
            yield _sentence(measure.attributes, new.scale.name, policy.threshold)
    for attributes in _one_rounding_apart(old, new, instruments, policy):
        yield _sentence(attributes, new.scale.name, policy.threshold)


def _one_rounding_apart(
    old: _Side, new: _Side, instruments: Instruments, policy: Policy
) -> Iterator[tuple[str, ...]]:
    """By which attributes a count beside the tables would be told one rounding from the one before, or from one within it.

    Such counts are who recovered or was last seen by a week, who is like somebody, and who started in some quarters. Two
    that nest prove one to nine people only where they are one rounding apart.
    """

    def apart(before: int, after: int) -> bool:
        told = [round_count(n, policy.redact_up_to, policy.round_to) or 0 for n in (before, after)]
        return min(before, after) >= policy.threshold and abs(told[1] - told[0]) == policy.round_to

    def asked(split: str | None) -> list[Asked]:
        return [
            check_question(
                side.store, Question(side.scale.id, split, source=side.info.source), instruments, policy
            )
            for side in (old, new)
        ]

    for split in (None, recovering.SHARED_SPLIT) if new.scale.important_change is not None else ():
        before, after = map(recovering.told_totals, asked(split))
        pairs = [pair for group in set(before) & set(after) for pair in zip(before[group], after[group], strict=True)]
        if any(end <= other and apart(n, m) for one, two in pairs for (end, n), (other, m) in itertools.product(one, two)):
            yield (split,) if split else ()
    before, after = map(like_mine.told_counts, asked(None))
    yield from sorted(
        {
            tuple(name for name, _ in whom)
            for whom in set(before) & set(after)
            if any(apart(before[whom][part], after[whom][part]) for part in set(before[whom]) & set(after[whom]))
        }
    )
    before, after = map(over_time.told_starts, asked("start_quarter"))
    if any(apart(before[quarters], after[quarters]) for quarters in set(before) & set(after)):
        yield ("start_quarter",)


def _sentence(attributes: Sequence[str], of: str, threshold: int) -> str:
    by = " and ".join(ATTRIBUTE_NAMES.get(name, name) for name in attributes)
    where = f"In a group by {by}" if by else "Altogether"
    return f"{where}, fewer than {threshold} people came, went or changed since then ({of})."


def _measures(old: Plan, new: Plan) -> Iterator[_Measure]:
    """Every count that both plans tell of a table, and of everybody."""
    for part in ("pairs", "gone", "improved", "others", *_ends_of_both(old, old.whole_bins, new, new.whole_bins)):
        yield _Measure((), {}, part)
    people, responders, changes = (
        _joined(getattr(old, kind).labels, getattr(new, kind).labels) for kind in ("people", "responders", "changes")
    )
    for table in _in_both(old.people.tables, new.people.tables):
        yield _Measure(table, people, "pairs")
    for attributes in sorted(old.complete & new.complete):
        yield _Measure(attributes, people, "gone")
    for table, part in itertools.product(
        _in_both(old.responders.tables, new.responders.tables), ("improved", "others")
    ):
        yield _Measure(table, responders, part)
    for table in _in_both(old.changes.tables, new.changes.tables):
        for ends in _ends_of_both(old, old.bins[table], new, new.bins[table]):
            yield _Measure(table, changes, ends)


def _in_both(one: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [table for table in one if table in other]


def _joined(one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The groups of both label maps of every attribute, joined where they share a value."""
    found: dict[str, dict[str, str]] = {}
    for name in set(one) & set(other):
        groups: list[set[str]] = []
        for group in (*_groups(one[name]), *_groups(other[name])):
            touched = [each for each in groups if each & group]
            groups = [each for each in groups if each not in touched] + [set(group).union(*touched)]
        found[name] = {value: min(group) for group in groups for value in group}
    return found


def _ends_of_both(
    old: Plan, old_bins: Sequence[tuple[int, int]], new: Plan, new_bins: Sequence[tuple[int, int]]
) -> list[tuple[float, float]]:
    """The bins between the ends that both have."""
    one, other = (set(itertools.chain.from_iterable(ends)) for ends in (_ends(old, old_bins), _ends(new, new_bins)))
    return list(itertools.pairwise(sorted(one & other)))


def _ends(plan: Plan, bins: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    last = len(plan.edges) - 2
    return [
        (-np.inf if first == 0 else plan.edges[first], np.inf if end == last else plan.edges[end + 1])
        for first, end in bins
    ]


def _both(old: _Side, new: _Side, policy: Policy) -> pd.DataFrame:
    """One row per person of either version: attributes as one text, scores and counts of both, `_old` and `_new`.
    Exact."""
    before, after = (_people(side, policy).set_index("episode_id") for side in (old, new))
    both = before.add_suffix("_old").join(after.add_suffix("_new"), how="outer")
    same = (both["text_old"] == both["text_new"]).to_numpy()
    for name in ("first", "last", "mark", "squares", "came"):
        values = [both[f"{name}_{side}"].to_numpy(dtype=float, na_value=np.nan) for side in SIDES]
        same = same & np.isclose(*values, equal_nan=True)
    return both.assign(same=same)


def _people(side: _Side, policy: Policy) -> pd.DataFrame:
    """One row per person with any score who counts in this version."""
    axes = Axes(leave_out=side.plan.leave_out)

    def question(table) -> ibis.Table:
        rows = questions.outcomes_of(table, side.info, side.scale, axes)
        first, *others = (questions.attribute_value(rows, name, side.scale) for name in policy.grid)
        text = first
        for value in others:
            text = text + ibis.literal(_BETWEEN) + value
        rows = rows.mutate(text=text).select("episode_id", "text", "first", "last", "change")
        scores = table("score")
        scores = scores.filter(scores["instrument"] == side.scale.id)
        # Two sums over the scores and their days: whoever's scores changed has other ones.
        value, day = scores["value"].cast("float64"), scores["day"].cast("float64") + 1
        windows = list(enumerate(side.info.visit_windows))
        inside = [(scores["day"] >= window.from_day) & (scores["day"] <= window.to_day) for _, window in windows]
        marks = scores.group_by("episode_id").aggregate(
            mark=(value * day).sum(),
            squares=((value + 1) * (value + 1) * day).sum(),
            came=sum((ibis.ifelse(each.any(), 2**place, 0) for (place, _), each in zip(windows, inside, strict=True))),
        )
        return rows.left_join(marks, "episode_id").drop("episode_id_right")

    people = side.store.ask(question)
    change = people["change"].to_numpy(dtype=float)
    paired = ~np.isnan(change)
    improved = questions.is_responder(change, side.scale)
    return people.assign(pairs=paired, gone=~paired, improved=improved, others=paired & ~improved)


def _with_attributes(people: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The people with each of their attributes in a column of its own, for both versions."""
    found = {}
    for side in SIDES:
        told = [
            text.split(_BETWEEN) if isinstance(text, str) else [None] * len(policy.grid)
            for text in people[f"text_{side}"]
        ]
        for place, name in enumerate(policy.grid):
            found[f"{name}_{side}"] = pd.Series([each[place] for each in told], index=people.index, dtype=object)
    return people.assign(**found)


def _inside(measure: _Measure, people: pd.DataFrame, side: str) -> np.ndarray:
    """Which people of one version the measure counts."""
    there = people[f"text_{side}"].notna().to_numpy()
    if isinstance(measure.part, str) and measure.part.startswith("visit"):
        came = people[f"came_{side}"].fillna(0).to_numpy(dtype=np.int64)
        return there & (came >> int(measure.part.split()[1]) & 1).astype(bool)
    if isinstance(measure.part, str):
        return there & people[f"{measure.part}_{side}"].eq(True).to_numpy()
    change = people[f"change_{side}"].to_numpy(dtype=float, na_value=np.nan)
    low, high = (end - 1e-9 for end in measure.part)
    return there & (change >= low) & (change < high)


def _told_in_both(measure: _Measure, people: pd.DataFrame, threshold: int) -> bool:
    """Whether both versions tell this count of everybody: a small one, or the rest of a small one, is a bound only."""
    if measure.attributes or not isinstance(measure.part, str) or measure.part == "pairs":
        return True
    whole = _Measure((), {}, "pairs") if measure.part in ("improved", "others") else None
    for side in SIDES:
        of = people[f"text_{side}"].notna().to_numpy() if whole is None else _inside(whole, people, side)
        some = _inside(measure, people, side)
        if min(some.sum(), (of & ~some).sum()) < threshold:
            return False
    return True


def _few(measure: _Measure, people: pd.DataFrame, threshold: int) -> bool:
    """Whether in some cell the people who came in, went out or changed are some, and fewer than the threshold."""
    keys = {}
    for side in SIDES:
        cell = pd.Series("", index=people.index, dtype=object)
        for name in measure.attributes:
            labels = measure.labels[name]
            cell = cell + [f"{_BETWEEN}{labels.get(value, value)}" for value in people[f"{name}_{side}"]]
        keys[side] = cell.where(_inside(measure, people, side))
    stays = (keys["old"] == keys["new"]).to_numpy()
    came, went, changed = keys["new"][~stays], keys["old"][~stays], keys["new"][stays]
    return any((cells.value_counts() < threshold).any() for cells in (came, went, changed))


def _crossing(old: Plan, new: Plan, policy: Policy) -> str:
    """A sentence where the two versions merge so differently that their groups cross; else empty.

    Attributes that join tables must have the very same groups, and new values groups of their own; the groups of
    others may lie within each other.
    """
    tables = [policy.with_wholes(table) for table in policy.tables]
    joining = {name for name in itertools.chain(*tables) if sum(name in table for table in tables) > 1}
    for kind in ("people", "responders", "changes"):
        before, after = getattr(old, kind), getattr(new, kind)
        for name in sorted(set(before.labels) & set(after.labels)):
            one, other = _groups(before.labels[name]), _groups(after.labels[name])
            if name in joining:
                fits = all(group in other for group in one)
            else:
                fits = not any(_cross(group, against) for group, against in itertools.product(one, other))
            if not fits:
                return f"The groups by {ATTRIBUTE_NAMES.get(name, name)} would be others than before."
    bins = [(_ends(old, old.whole_bins), _ends(new, new.whole_bins))]
    bins += [(_ends(old, old.bins[table]), _ends(new, new.bins[table])) for table in set(old.bins) & set(new.bins)]
    for one, other in bins:
        if any(_overlap(first, second) for first, second in itertools.product(one, other)):
            return "The bins of the changes would be others than before."
    return ""


def _groups(labels: Mapping[str, str]) -> list[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for value, label in labels.items():
        groups.setdefault(label, set()).add(value)
    return [frozenset(group) for group in groups.values()]


def _cross(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one & other) and not one <= other and not other <= one


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    within = (one[0] >= other[0] and one[1] <= other[1]) or (other[0] >= one[0] and other[1] <= one[1])
    return max(one[0], other[0]) < min(one[1], other[1]) and not within


def _reasons_of_episodes(
    previous: Store, new: Store, source: str, instruments: Instruments, policy: Policy
) -> Iterator[str]:
    """Where both versions tell how many episodes have each value of an attribute."""
    told, labels = [], []
    for store in (previous, new):
        choices = dict(list_choices(store, instruments, source, policy).attributes)
        told.append({name for name, listed in choices.items() if all(choice.n is not None for choice in listed)})
        labels.append(choice_labels(store, store.source(source), instruments, policy))
    groups = _joined(*labels)
    for name in sorted(told[0] & told[1]):
        values = [_values_of_episodes(store, source, name) for store in (previous, new)]
        both = pd.concat(values, axis=1, keys=("old", "new"))
        both = both.apply(lambda column, of=groups[name]: column.map(lambda value: of.get(value, value)))
        moved = both[both["old"] != both["new"]]
        counts = pd.concat([moved["old"].value_counts(), moved["new"].value_counts()])
        if (counts < policy.threshold).any():
            yield _sentence((name,), "episodes", policy.threshold)


def _values_of_episodes(store: Store, source: str, name: str) -> pd.Series:
    """Each episode's value of the attribute."""

    def question(table) -> ibis.Table:
        rows = questions.population(table("episode"), store.source(source))
        return rows.mutate(value=questions.attribute_value(rows, name)).select("episode_id", "value")

    return store.ask(question).set_index("episode_id")["value"]
