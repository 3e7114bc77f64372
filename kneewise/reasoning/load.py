"""The patient's own week: peaks of force at the kneecap joint and how often they come, before and after a change.

Pure arithmetic on published peak forces. The sum of peaks is an index of one's own week, not an impulse and not a dose;
activities without a pooled force are listed and not guessed. Numbers come from `knowledge.load`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.knowledge_base.models import Activity, KnowledgeBase, Value
from kneewise.quantities import DAYS_PER_WEEK
from kneewise.reasoning.findings import Findings

SUM_LABEL = "sum of peaks, an index, not impulse"
_RUNNING = "activity.running"
_STEP_RATE = "finding.step_rate"
_STEPS_PER_LOAD = 2  # both feet are counted; one knee takes every second step


@dataclass(frozen=True)
class Span:
    """A number with its range: mean, and mean minus and plus one standard deviation (or as published)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PeakForce:
    """A published peak force, in body weights. `value_id` leads to population, source and status."""

    value_id: str
    force: Span | None
    population: str
    status: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class ActivityLoad:
    """One activity of a week. Counts are in `count_unit`; `loads_*` are loads on one knee per week; `sum_*` are body
    weights per week (peak x loads), None where it can't be summed, and `not_in_sum` says why."""

    activity: str
    count_unit: str
    before: float | None
    after: float | None
    peak: PeakForce | None
    loads_before: float | None
    loads_after: float | None
    sum_before: Span | None
    sum_after: Span | None
    not_in_sum: str


@dataclass(frozen=True)
class LeverEffect:
    """What a lever does to the peak of one activity: `percent` (None where only a text is published) and the new peak."""

    lever: str
    activity: str
    value_id: str | None
    percent: Span | None
    peak_after: Span | None


@dataclass(frozen=True)
class WeekLoad:
    """A week before and after. `rise_flag` is None where no percentage can be worked out; `rise_rule` has the text."""

    activities: tuple[ActivityLoad, ...]
    total_before: Span | None
    total_after: Span | None
    change_percent: float | None
    rise_flag: bool | None
    rise_rule: str
    rise_threshold: str
    in_sum: tuple[str, ...]
    not_in_sum: tuple[str, ...]
    levers: tuple[LeverEffect, ...]
    label: str = SUM_LABEL


def week_load(findings: Findings, knowledge: KnowledgeBase) -> WeekLoad:
    """The load of the week in `findings.week`. Totals hold the activities whose counts are known on both sides.

    `rise_flag` holds the change of the index against the published rise of weekly training (`rise_threshold`): a group
    boundary of a study of runners and not a proven limit; `rise_rule` says so in words.
    """
    step_rate = findings.get(_STEP_RATE)
    activities = tuple(
        _activity_load(activity, findings.week.get(activity.id, (None, None)), step_rate, knowledge)
        for activity in knowledge.load.activities
    )
    summed = [each for each in activities if not each.not_in_sum]
    before = _total([each.sum_before for each in summed])
    after = _total([each.sum_after for each in summed])
    change = (after.value - before.value) / before.value * 100 if before and after and before.value > 0 else None
    rise = knowledge.load.rise
    threshold = rise.threshold.value if rise.threshold.value is not None else rise.threshold.low
    if rise.threshold.unit == "fraction":
        threshold *= 100
    return WeekLoad(
        activities=activities,
        total_before=before,
        total_after=after,
        change_percent=change,
        rise_flag=None if change is None else change > threshold,
        rise_rule=rise.id,
        rise_threshold=rise.threshold.id,
        in_sum=tuple(each.activity for each in summed),
        not_in_sum=tuple(each.activity for each in activities if each.not_in_sum),
        levers=_lever_effects(knowledge),
    )


def _activity_load(
    activity: Activity, counts: tuple[float | None, float | None], step_rate: float | None, knowledge: KnowledgeBase
) -> ActivityLoad:
    peak = _peak(activity, knowledge)
    per_count = _loads_per_count(activity, step_rate)
    before, after = counts
    loads = [None if per_count is None or count is None else count * per_count for count in counts]
    sums = [_times(peak.force, load) if peak and peak.force and load is not None else None for load in loads]
    if peak is None:
        why = activity.why_not_pooled or "No pooled peak force is known."
    elif peak.force is None:
        why = "The published force has no mean."
    elif per_count is None:
        why = "How many loads one count holds is not known; a step rate would tell." if activity.id == _RUNNING else (
            "How many loads one count holds is not known.")  # fmt: skip
    elif before is None and after is None:
        why = "Not entered."
    elif before is None or after is None:
        why = "Entered on one side only; both are needed for a comparison."
    else:
        why = ""
    return ActivityLoad(activity.id, activity.count_unit, before, after, peak, *loads, *sums, not_in_sum=why)


def _loads_per_count(activity: Activity, step_rate: float | None) -> float | None:
    """Loads on one knee per week for a count of 1: per day times seven; running minutes times half the step rate."""
    per_count = activity.loads_per_count
    if activity.id == _RUNNING and activity.count_unit == "minutes_per_week" and step_rate is not None:
        per_count = step_rate / _STEPS_PER_LOAD
    if per_count is None:
        return None
    return per_count * DAYS_PER_WEEK if activity.count_unit == "steps_per_day" else per_count


def _peak(activity: Activity, knowledge: KnowledgeBase) -> PeakForce | None:
    if activity.used_value is None:
        return None
    value = knowledge.entry(activity.used_value)
    return PeakForce(value.id, _span(value), value.population, value.status, value.sources)


def _span(value: Value) -> Span | None:
    """The mean with one standard deviation to each side, else the published range, else the mean alone."""
    if value.value is None:
        return None
    if value.sd is not None:
        return Span(value.value, value.value - value.sd, value.value + value.sd)
    if value.low is not None and value.high is not None:
        return Span(value.value, value.low, value.high)
    return Span(value.value, value.value, value.value)


def _times(span: Span, factor: float) -> Span:
    return Span(span.value * factor, span.low * factor, span.high * factor)


def _total(spans: list[Span | None]) -> Span | None:
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return Span(*(sum(getattr(span, part) for span in known) for part in ("value", "low", "high")))


def _lever_effects(knowledge: KnowledgeBase) -> tuple[LeverEffect, ...]:
    peaks = {activity.id: _peak(activity, knowledge) for activity in knowledge.load.activities}
    effects = []
    for lever in knowledge.load.levers:
        value = knowledge.entry(lever.used_value) if lever.used_value else None
        percent = _percent(value)
        for activity in lever.activities:
            peak = peaks.get(activity)
            after = None
            if percent is not None and peak is not None and peak.force is not None:
                after = _times(peak.force, 1 + percent.value / 100)
            effects.append(LeverEffect(lever.id, activity, value.id if value else None, percent, after))
    return tuple(effects)


def _percent(value: Value | None) -> Span | None:
    """A published effect as a percentage; None where it is measured in another unit or was published as a span only."""
    if value is None or value.unit not in ("percent", "fraction"):
        return None
    span = _span(value)
    return _times(span, 100) if span is not None and value.unit == "fraction" else span
