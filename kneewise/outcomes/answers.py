"""Released answers: a question goes to the store, its counts through `disclosure`, and only the result comes back.

What a page, a notebook and the command line can all call. An answer is split by at most one attribute of the grid and
restricted to at most one value of another one.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd

from kneewise.disclosure import released
from kneewise.disclosure.grouping import EVERYBODY, SMALLER_GROUPS, Grouping, merge_small
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.asking import (
    Asked,
    Question,
    cells_of,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    flipped,
    grouping_of,
    in_filter,
    pairs_measure,
    plan_groups,
    plan_pairs,
    remembered,
    responder_measure,
)
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import Store

FINE_BINS = 24
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def _change_cells(cells: pd.DataFrame) -> list[released.ChangeCell]:
    return [
        released.ChangeCell(
            label=str(row.first_axis),
            pairs=int(row.pairs),
            responders=int(row.responders),
            change_sum=float(row.change_sum),
            change_squares=float(row.change_squares),
            first_sum=float(row.first_sum),
            last_sum=float(row.last_sum),
            quartiles=tuple(float(value) for value in row.change_quartiles),
        )
        for row in cells.itertuples()
    ]


@remembered
def answer_change(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedChange:
    """Released change from first to last score, per group.

    Raises
    ------
    StoreError
        The store holds no such source or instrument.
    DisclosureRefused
        The answer, or its split by this attribute, rests on too few people.
    """
    asked = check_question(store, question, instruments, policy)
    axes, shown_filter, notes = checked_plan(asked, plan_pairs(asked))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    return released.release_change(
        context_of(asked, notes),
        _change_cells(in_filter(cells, shown_filter)),
        completeness_of(cells, shown_filter, asked.policy),
        asked.policy,
    )


@remembered
def answer_responders(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedResponders:
    """Released share of people who improved by the instrument's important change or more, per group.

    Raises
    ------
    StoreError
        As `answer_change`; or the knowledge base holds no important change for the instrument.
    DisclosureRefused
        As `answer_change`.
    """
    asked = check_question(store, question, instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be called a responder.")
    pairs = plan_pairs(asked)
    if any(asked.attributes):
        grouping = plan_groups(asked, lambda attributes: cells_of(asked, attributes), responder_measure, pairs)
    else:
        # The whole may be answered with a bound; a split may not.
        grouping = pairs
    axes, shown_filter, notes = checked_plan(asked, grouping)
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    important = (asked.scale.important_change, asked.scale.important_change_status, asked.scale.source_text)
    return released.release_responders(
        context_of(asked, notes),
        _change_cells(in_filter(cells, shown_filter)),
        completeness_of(cells, shown_filter, asked.policy),
        important,
        asked.policy,
    )


@remembered
def answer_trend(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedTrend:
    """Released score over time, quartiles per visit window, per group. Raises as `answer_change`."""
    asked = check_question(store, question, instruments, policy)
    windows = asked.info.visit_windows

    def merged_visits(labels: tuple) -> pd.DataFrame:
        return questions.visit_cells(store, asked.info, asked.scale.id, Axes(*asked.attributes, *labels), windows)

    def visits(attributes: tuple) -> pd.DataFrame:
        key = ("visits", asked.info.source, asked.scale.id, attributes)
        axes = Axes(*attributes)
        return store.remembered(key, lambda: questions.visit_cells(store, asked.info, asked.scale.id, axes, windows))

    # Which visits can be shown is decided on everybody, so that no split shows a visit that another one hides.
    everybody = visits((None, None)).set_index("visit")["n"]
    split = question.group_by or question.only
    least = max(asked.policy.threshold, asked.policy.window_share * everybody.max() if split else 0)
    kept = [place for place in range(len(windows)) if everybody.get(place, 0) >= least]

    def per_visit(attributes: tuple) -> pd.DataFrame:
        long = visits(attributes)
        wide = long.pivot_table(index=["first_axis", "second_axis"], columns="visit", values="n", fill_value=0)
        wide = wide.reindex(columns=kept, fill_value=0)
        pairs = cells_of(asked, attributes).set_index(["first_axis", "second_axis"])["pairs"]
        wide = wide.reindex(wide.index.union(pairs.index), fill_value=0)
        wide["pairs"] = pairs.reindex(wide.index, fill_value=0)
        return wide.reset_index()

    def measure(cells: pd.DataFrame) -> np.ndarray:
        return cells[["pairs", *kept]].to_numpy()

    grouping = plan_groups(asked, per_visit, measure, plan_pairs(asked))
    axes, shown_filter, notes = checked_plan(asked, grouping)
    hidden = [windows[place].label for place in range(len(windows)) if place not in kept and everybody.get(place, 0)]
    if hidden:
        notes = (*notes, f"Too few people came to be shown at: {', '.join(hidden)}.")
    shown = merged_visits((axes.first_labels, axes.second_labels))
    shown = in_filter(shown[shown["visit"].isin(kept)], shown_filter)
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    sizes = {row.first_axis: int(row.pairs) for row in cells.itertuples() if row.second_axis == shown_filter}
    groups = {
        label: [
            (
                windows[row.visit].label,
                windows[row.visit].from_day,
                windows[row.visit].to_day,
                int(row.n),
                row.quartiles,
            )
            for row in part.sort_values("visit").itertuples()
        ]
        for label, part in shown.groupby("first_axis", sort=False)
    }
    return released.release_trend(
        context_of(asked, notes), groups, sizes, completeness_of(cells, shown_filter, asked.policy), asked.policy
    )


@remembered
def answer_distribution(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedDistribution:
    """Released distribution of change, for everybody, per group, or for one value of one attribute; not both at once.

    Raises as `answer_change`.
    """
    asked = check_question(store, question, instruments, policy)
    if question.group_by and question.only:
        raise DisclosureRefused("A distribution can be split by one attribute or filtered by one, not both.")
    strict = asked.policy.model_copy(update={"threshold": asked.policy.distribution_group_from})
    attribute = question.group_by or (question.only[0] if question.only else None)
    start: list[Grouping] = []
    one_way = Asked(store, asked.info, asked.scale, Question(question.instrument, group_by=attribute), asked.policy)
    if attribute:
        start = [plan_pairs(one_way)]
    grouping = grouping_of(
        cells_of(asked, (attribute, None)), pairs_measure, strict if attribute else asked.policy, start
    )
    if question.only:
        grouping = flipped(grouping)
    axes, shown_filter, notes = checked_plan(asked, grouping)
    edges = bin_edges(asked.scale)
    counted = questions.change_counts(store, asked.info, asked.scale, axes, edges)
    counted["cell"] = counted["second_axis"] if question.only else counted["first_axis"]
    counts = {
        str(label): np.bincount(part["bin"], weights=part["n"], minlength=len(edges) - 1).astype(int)
        for label, part in counted.groupby("cell")
    }
    shown = [shown_filter] if question.only else sorted(counts, key=lambda name: (name == SMALLER_GROUPS, name))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    return released.release_distribution(
        context_of(asked, notes),
        edges,
        counts,
        shown,
        completeness_of(cells, shown_filter, asked.policy)[0],
        asked.policy,
    )


def prepare(store: Store, instruments: Instruments, policy: Policy | None = None) -> int:
    """How many answers were worked out and remembered: every instrument of every source, whole and split once.

    What may not be shown is passed over; whoever asks for it gets the sentence.
    """
    policy = policy or read_policy()
    made = 0
    for info in store.sources:
        for instrument in (each for each in info.instruments if each in instruments):
            for group_by in (None, *policy.grid):
                question = Question(instrument, group_by=group_by, source=info.source)
                for answer in (answer_change, answer_trend, answer_distribution, answer_responders):
                    with contextlib.suppress(DisclosureRefused, StoreError):
                        answer(store, question, instruments, policy)
                        made += 1
    return made


def bin_edges(scale: InstrumentRange) -> list[float]:
    """Ends of the fine bins of a change on this scale: nice steps, nought is an end, the outer bins are open."""
    width = scale.maximum - scale.minimum
    rough = 2 * width / FINE_BINS
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(nice * power for nice in _NICE_STEPS if nice * power >= rough * (1 - 1e-9)))
    places = int(np.ceil(width / step - 1e-9))
    return [round(place * step, 10) for place in range(-places, places + 1)]


def list_choices(
    store: Store, instruments: Instruments, source: str | None = None, policy: Policy | None = None
) -> released.ReleasedChoices:
    """What can be asked of a source: its instruments, and each grid attribute's values with rounded counts.

    An attribute that is not recorded, has one value only, or can't be split, is left out.
    """
    policy = policy or read_policy()
    info = store.source(source)
    attributes = {}
    for attribute in policy.grid:
        frame = questions.episode_counts(store, info, attribute)
        if len(frame) < 2:
            continue
        values = list(frame["first_axis"])
        grouping = merge_small(values, [EVERYBODY], frame["n"].to_numpy().reshape(-1, 1, 1), policy.threshold)
        if not grouping.possible or len(set(grouping.first.values())) < 2:
            continue
        totals: dict[str, int] = {}
        for value, n in zip(values, frame["n"], strict=True):
            label = grouping.first[value]
            totals[label] = totals.get(label, 0) + int(n)
        order = sorted(totals, key=lambda name: (name == SMALLER_GROUPS, name))
        attributes[attribute] = {name: totals[name] for name in order}
    known = [name for name in info.instruments if name in instruments]
    return released.release_choices(info.source, info.label, info.synthetic, store.version, known, attributes, policy)
