"""Units (sites, age bands) beside each other: is one further from the rest than its size and its patients explain?

Everybody's last score is compared with an expected one: the score that came with the data, or else a model of the first
score, age band and sex. A unit's mean difference stands in a funnel around the mean change of the whole, with the whole's
residual standard deviation (`statistics.funnel`, `statistics.case_mix`); what leaves goes through `disclosure.comparison`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd

from kneewise.disclosure.comparison import ReleasedComparison, plan_hidden, plan_unnamed, release_comparison
from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import HIDDEN_BY_GROUP, released_share
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.asking import (
    ATTRIBUTE_NAMES,
    Asked,
    Only,
    Question,
    check_question,
    context_of,
    may_tell_missing,
    plan_pairs,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import SourceInfo, Store
from kneewise.statistics.case_mix import (
    AdjustedUnits,
    CaseMixCell,
    ExpectedCell,
    adjust_by_expected,
    adjust_by_model,
    fit_case_mix,
)
from kneewise.statistics.funnel import CLASS_MINIMUM, Funnel, mean_funnel

MIX = ("age_band", "sex")
"""Attributes that, with the first score, make the expected one where the data bring none."""
ENOUGH_EXPECTED = 0.5
"""Expected scores that came with the data are used from this share of the people on; else our own model is fitted."""
_SUMS = (
    "any_score", "pairs", "first_sum", "last_sum", "first_squares", "last_squares", "products",
    "modelled", "modelled_last_sum", "expected_sum", "residual_squares",
)  # fmt: skip


@dataclass(frozen=True)
class _Compared:
    """The units with a result, exact; people per unit, nobody included; and how the expected score came about."""

    adjusted: AdjustedUnits
    people: dict[str, int]
    case_mix: str


@remembered
def answer_comparison(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> ReleasedComparison:
    """Released comparison of the units of `question.group_by`, by name, with the funnel they stand in.

    `question.only` may name the source's one released population (procedure, primary) and nothing else.

    Raises
    ------
    StoreError
        The store holds no such source or instrument, or everybody did exactly as expected.
    DisclosureRefused
        Another population is asked for, the attribute is none to compare by, or the whole rests on too few people.
    """
    info = store.source(question.source)
    _check_population(info, question.only)
    if question.group_by is None or question.group_by in questions.LISTS:
        raise DisclosureRefused("Name the attribute whose groups are to be compared, such as site.")
    if question.instrument not in info.instruments:
        raise StoreError(
            f"Source '{info.source}' holds no scores of '{question.instrument}'; it holds: {', '.join(info.instruments)}."
        )
    # The population is checked; what is left is a question about all of it.
    whole = Question(question.instrument, group_by=question.group_by, source=question.source)
    asked = check_question(store, whole, instruments, policy)
    cells = comparison_cells(asked)
    threshold = asked.policy.threshold
    pairs, any_score = (int(cells[name].sum()) for name in ("pairs", "any_score"))
    if pairs < threshold:
        raise DisclosureRefused(f"Fewer than {threshold} people stand behind this answer, so it is not shown.")
    compared = _compare(asked, cells, pairs)
    if sum(compared.people.values()) < threshold:
        raise DisclosureRefused(f"Fewer than {threshold} people have an expected score, so nothing is compared.")
    funnel = _funnel_of(asked, compared)
    # The people told of a unit are those of every other answer, not those with an expected score: two numbers beside each
    # other would tell how few lack one.
    told = {str(unit): int(n) for unit, n in cells.groupby("unit")["pairs"].sum().items()}
    together = _together(asked, told)
    hidden = plan_hidden(compared.people, set().union(*together), asked.policy)
    large = {unit.name for unit in funnel.units if unit.status != "insufficient records"}
    unnamed = plan_unnamed(told, together, large, asked.policy)
    return release_comparison(
        context=context_of(asked, _notes(asked, compared, hidden, unnamed)),
        completeness=released_share(pairs, any_score, asked.policy, whole_is_told=False)
        if may_tell_missing(asked, ())
        else HIDDEN_BY_GROUP,
        funnel=funnel,
        sizes=[told[unit.name] for unit in funnel.units],
        residual_sd=compared.adjusted.residual_sd,
        hidden=hidden,
        case_mix=compared.case_mix,
        policy=asked.policy,
        unnamed=unnamed,
    )


def _check_population(info: SourceInfo, only: Only) -> None:
    """Nobody may subtract one population from another, so the profile's is the only one."""
    if not only:
        return
    released = (info.population_attribute, info.population_value)
    if not info.population_attribute:
        raise DisclosureRefused("All people of these records are compared; leave the restriction out.")
    if any(pair != released for pair in only):
        raise DisclosureRefused(
            f"These records are released for {released[0]} '{released[1]}' only, so that no other population can be had "
            f"by subtraction; ask for {released[0]}={released[1]}, or leave the restriction out."
        )


def comparison_cells(asked: Asked) -> pd.DataFrame:
    """Per value of the compared attribute, age band and sex: people and sums. Exact, so never to be shown.

    Only expressions that run on DuckDB, Spark and PostgreSQL alike; the engine is asked once per version.
    """
    info, scale, attribute = asked.info, asked.scale, asked.question.group_by
    mix = [name for name in MIX if name != attribute]

    def question(table: Callable[[str], ibis.Table]) -> ibis.Table:
        rows = questions.outcomes_of(table, info, scale, Axes(leave_out=asked.leave_out))
        values = {name: questions.attribute_value(rows, name, scale) for name in mix}
        rows = rows.mutate(unit=questions.attribute_value(rows, attribute, scale), **values)
        paired = rows["change"].notnull()
        modelled = paired & rows["expected_last"].notnull()
        residual = rows["last"] - rows["expected_last"]
        return rows.group_by("unit", *mix).aggregate(
            any_score=rows.count(),
            pairs=rows.count(where=paired),
            first_sum=rows["first"].sum(where=paired),
            last_sum=rows["last"].sum(where=paired),
            first_squares=(rows["first"] * rows["first"]).sum(where=paired),
            last_squares=(rows["last"] * rows["last"]).sum(where=paired),
            products=(rows["first"] * rows["last"]).sum(where=paired),
            modelled=rows.count(where=modelled),
            modelled_last_sum=rows["last"].sum(where=modelled),
            expected_sum=rows["expected_last"].sum(where=modelled),
            residual_squares=(residual * residual).sum(where=modelled),
        )

    def ask() -> pd.DataFrame:
        cells = asked.store.ask(question)
        cells[list(_SUMS)] = cells[list(_SUMS)].astype(float).fillna(0.0)
        return cells.sort_values(["unit", *mix], ignore_index=True)

    return asked.store.remembered(("comparison cells", info.source, scale, attribute, asked.leave_out), ask)


def _compare(asked: Asked, cells: pd.DataFrame, pairs: int) -> _Compared:
    """Every unit beside what was to be expected of its people."""
    units = sorted(cells["unit"].unique())
    if cells["modelled"].sum() >= ENOUGH_EXPECTED * pairs:
        expected = [
            ExpectedCell(
                row.unit, int(row.modelled), row.modelled_last_sum, row.expected_sum, row.residual_squares
            )
            for row in cells.itertuples()
        ]  # fmt: skip
        overall = float(cells["last_sum"].sum() - cells["first_sum"].sum()) / pairs
        people = cells.groupby("unit")["modelled"].sum()
        phrase = (
            "the expected score that came with each record, less everybody's mean difference from it; people without one "
            "count for no mean and no class"
        )
        return _Compared(adjust_by_expected(expected, overall), {unit: int(people[unit]) for unit in units}, phrase)
    mix = [name for name in MIX if name != asked.question.group_by and cells[name].nunique() > 1]
    model_cells = [
        CaseMixCell(
            row.unit, tuple(getattr(row, name) for name in mix), int(row.pairs), row.first_sum, row.last_sum,
            row.first_squares, row.last_squares, row.products,
        )
        for row in cells.itertuples()
    ]  # fmt: skip
    try:
        model = fit_case_mix(model_cells, mix)
    except ValueError as problem:
        raise DisclosureRefused("Too few people for a model of case mix, so nothing is compared.") from problem
    people = cells.groupby("unit")["pairs"].sum()
    used = ["first score", *(ATTRIBUTE_NAMES.get(name, name) for name in mix)]
    phrase = (
        f"linear regression of the last score on {' and '.join(filter(None, [', '.join(used[:-1]), used[-1]]))} over "
        "everybody here, because the records bring no expected score"
    )
    return _Compared(adjust_by_model(model_cells, model), {unit: int(people[unit]) for unit in units}, phrase)


def _funnel_of(asked: Asked, compared: _Compared) -> Funnel:
    """The funnel of all units, by people with an expected score. A unit of nobody stands at the centre and has no class."""
    adjusted = compared.adjusted
    decimals = asked.policy.decimals_for(asked.scale.maximum - asked.scale.minimum)
    if round(adjusted.residual_sd, decimals + 1) <= 0:
        raise StoreError("Everybody's last score is exactly as expected, so there is nothing to compare.")
    found = {unit.name: unit for unit in adjusted.units}
    names = sorted(compared.people)
    sizes = [compared.people[name] for name in names]
    return mean_funnel(
        names,
        np.maximum(sizes, 1),
        [found[name].adjusted_change if name in found else adjusted.overall_change for name in names],
        target=adjusted.overall_change,
        sd=adjusted.residual_sd,
        higher_is_better=asked.scale.higher_is_better,
        minimum=CLASS_MINIMUM,
    )


def _together(asked: Asked, units: Iterable[str]) -> tuple[frozenset[str], ...]:
    """The units that other answers count together only: all of them where the plan has no place for the split."""
    if asked.is_own:
        return ()
    labels = plan_pairs(asked).first
    groups: dict[str | None, set[str]] = {}
    for unit in units:
        if labels.get(unit) != unit:
            groups.setdefault(labels.get(unit), set()).add(unit)
    return tuple(map(frozenset, groups.values()))


def _notes(asked: Asked, compared: _Compared, hidden: frozenset[str], unnamed: frozenset[str]) -> tuple[str, ...]:
    name = ATTRIBUTE_NAMES.get(asked.question.group_by, asked.question.group_by)
    notes = [
        f"Case mix: {compared.case_mix}.",
        f"Groups by {name} stand in order of their names. A class needs {CLASS_MINIMUM} people and is made from exact "
        f"figures; those shown are rounded{'' if asked.is_own else f', counts to the nearest {asked.policy.round_to}'}.",
    ]
    named = set(compared.people) - unnamed
    if hidden & named:
        notes.append(
            f"{len(hidden & named)} of {len(named)} groups are named without figures, because fewer than "
            f"{asked.policy.threshold} people stand behind them or could be worked out from the others."
        )
    if hidden & unnamed:
        notes.append("Some groups are not named: beside the other figures, a name alone would say too much.")
    if asked.leave_out:
        notes.append(
            f"People who started in {', '.join(asked.leave_out)} are left out until the data reach "
            f"{asked.policy.follow_up_days} days past that quarter's end."
        )
    if len(named) == 1 and not unnamed:
        notes.append("There is one group only, so it is compared with itself.")
    return tuple(notes)


COLUMNS = ("n", "observed", "expected", "z", "status")
"""What a row of a comparison says, after its unit's name."""


def comparison_rows(comparison: ReleasedComparison) -> tuple[tuple[str, ...], ...]:
    """The units as text, one row each under the attribute's name and `COLUMNS`; what may not be said is empty."""
    return tuple(
        (unit.label, *("" if value is None else str(value) for value in (unit.n, unit.observed, unit.expected, unit.z)),
         unit.status)
        for unit in comparison.units
    )  # fmt: skip


def comparison_lines(comparison: ReleasedComparison) -> tuple[str, ...]:
    """The comparison as lines to read: what it is of, the table, and what must be known with it."""
    context = comparison.context
    head = ("", *COLUMNS)
    rows = comparison_rows(comparison)
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(row: tuple[str, ...]) -> str:
        numbers = [value.rjust(width) for value, width in zip(row[1:-1], widths[1:-1], strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *numbers, row[-1]]).rstrip()

    classes = ", ".join(f"{count} {status}" for status, count in comparison.counts if count)
    return (
        f"{context.source_label}{' - SYNTHETIC DATA' if context.synthetic else ''}",
        f"{context.instrument_name}, {context.direction}{f', {context.population}' if context.population else ''}: "
        "mean change as it would be with everybody's case mix (observed), beside everybody's mean change (expected).",
        f"{comparison.n:,} people; both scores: {comparison.completeness.text}; spread of single people around what was "
        f"expected of them (SD): {comparison.residual_sd:g}. {classes[0].upper()}{classes[1:]}.",
        line(head),
        *map(line, rows),
        *comparison_remarks(comparison),
    )


def comparison_remarks(comparison: ReleasedComparison) -> tuple[str, ...]:
    """The sentences that belong to the figures, wherever these go."""
    context = comparison.context
    synthetic = ("These data are synthetic; no patient stands behind them.",) if context.synthetic else ()
    return (
        *synthetic,
        "A group outside the limits is a reason to look into it, beginning with its records; why it is there, the figures "
        "do not say.",
        *context.notes,
        comparison.convention,
        *filter(None, [context.day_note, context.attribution, context.control_note]),
    )
