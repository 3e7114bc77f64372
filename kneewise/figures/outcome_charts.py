"""Outcome charts: released answers -> headlines, four charts, each with its sentence and its table.

Takes nothing but the types of `kneewise.disclosure.released`, so nothing under the disclosure threshold can be drawn.
Groups stand in the order of the answer (their names' order), never by result: this is no league table. With many groups
a chart shows a part of them, `part=(first, end)`; the tables of `*_table` hold all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.grouping import EVERYBODY
from kneewise.disclosure.missing import ReleasedMissing
from kneewise.disclosure.released import (
    HIDDEN_BY_GROUP,
    ReleasedBin,
    ReleasedChange,
    ReleasedChangeGroup,
    ReleasedContext,
    ReleasedDistribution,
    ReleasedDistributionGroup,
    ReleasedResponders,
    ReleasedShare,
    ReleasedTrend,
    ReleasedTrendGroup,
)
from kneewise.disclosure.released import TOO_FEW as NOT_SHOWN
from kneewise.figures.chart_words import (
    AXIS,
    IMPROVED_AXIS,
    LEGEND_ABOVE,
    RANGE,
    TOO_FEW,
    Part,
    alt_text,
    better_is,
    count_text,
    decimals_of,
    group_name,
    interval_rows,
    kept_together,
    number_text,
    part_of,
    percent_of,
    plain_label,
    row_name,
    rows_layout,
    scale_text,
    share_figure,
    share_text,
    signed_text,
    span_text,
    tail_text,
)
from kneewise.figures.drawn import Drawn, Palette, palette, plain

_PANELS_PER_ROW = 3
_GAP_ACROSS = 0.03
_TREND_PX = 300
_PANEL_PX = 200
_NARROWEST_SEGMENT_WITH_TEXT = 10
_MOST_EDGES_WITH_TEXT = 8
_UNSEEN = "rgba(0,0,0,0)"
_STAY = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
"""A chosen row does not fade the others: which one was chosen is said in words."""


@dataclass(frozen=True)
class Headline:
    """One thing to read in a few seconds: what it is, the figure, and the sentence with its range."""

    label: str
    figure: str
    sentence: str


def headlines(
    change: ReleasedChange,
    responders: ReleasedResponders | None,
    status: str = "",
    missing: ReleasedMissing | None = None,
) -> tuple[Headline, ...]:
    """How many, how complete, how much better, and how many improved by what matters; of ungrouped answers.

    `responders` is None where nothing may be said; `status` names how sure the important change itself is; `missing` adds
    how far those who did not come back could move the result.
    """
    context, group, decimals = change.context, change.groups[0], _mean_decimals(change)
    rounded = "" if context.mode == "own" else "; counts are rounded, so that nobody can be singled out"
    found = [
        Headline("People counted", count_text(change.n), f"They have a score at the start and a later one{rounded}."),
        Headline("Completeness", share_figure(change.completeness), completeness_sentence(change.completeness)),
        Headline(
            "Average change, in points",
            signed_text(group.mean_change, decimals),
            f"{verdict(group, context)}: from {number_text(group.mean_first, decimals)} to "
            f"{number_text(group.mean_last, decimals)} on {context.instrument_name} ({scale_text(context)}); {RANGE} "
            f"{signed_text(group.low, decimals)} to {signed_text(group.high, decimals)}.",
        ),
    ]
    if responders is not None:
        share = responders.groups[0].share
        seen = share.text if share.percent is None else f"{count_text(share.count)} of the {count_text(share.n)}"
        span = "" if share.percent is None else f"{RANGE} {share.low_percent} to {share.high_percent} % of those seen; "
        everybody = (
            ""
            if missing is None or missing.plausible_low_percent is None
            else f"; of everybody who started, plausibly {missing.plausible_low_percent} to "
            f"{missing.plausible_high_percent} %"
        )
        found.append(
            Headline(
                "Improved by what matters",
                share_figure(share),
                f"{seen} seen again improved by {responders.important_change:g} points or more{everybody} "
                f"({span}important change: {status}).",
            )
        )
    return tuple(Headline(each.label, each.figure, kept_together(each.sentence)) for each in found)


def verdict(group: ReleasedChangeGroup, context: ReleasedContext) -> str:
    """Better, worse or no clear change on average, read in the instrument's direction of good."""
    low, high = sorted((group.low, group.high) if context.higher_is_better else (-group.low, -group.high))
    if low > 0:
        return "Better on average"
    return "Worse on average" if high < 0 else "No clear change on average"


def completeness_sentence(share: ReleasedShare) -> str:
    """How many of those who ever gave a score have a later one; says that the others' course is unknown."""
    if share.percent is None:
        return f"People with any score who also have a later one: {share.text}."
    return (
        f"{count_text(share.count)} of {count_text(share.n)} people with any score have a first and a later one "
        f"({RANGE} {share.low_percent} to {share.high_percent} %); how the others fare is not known."
    )


def draw_trend(trend: ReleasedTrend, *, dark: bool, part: Part = None) -> Drawn:
    """Score over time: the median of each visit, with the middle half of the people as a bar; a panel per group."""
    colours, groups = palette(dark), part_of(trend.groups, part)
    alone = len(trend.groups) == 1
    columns = 1 if alone else 2 if len(groups) == 4 else min(_PANELS_PER_ROW, max(1, len(groups)))
    rows = -(-len(groups) // columns) or 1
    decimals = _median_decimals(trend)
    height_px = _TREND_PX if alone else 60 + (_PANEL_PX + 30) * rows
    layout = plain(colours, height_px) | {"annotations": []}
    if not alone:
        layout["margin"] = {"l": 8, "r": 8, "t": 34, "b": 8}
    data: list[dict[str, Any]] = []
    for place, group in enumerate(groups):
        row, column = divmod(place, columns)
        mark = "" if place == 0 else str(place + 1)
        names = [_visit_name(visit.label, visit.n, alone) for visit in group.visits]
        across, up = _panel(column, columns, _GAP_ACROSS), _panel(rows - 1 - row, rows, 0.3 / rows)
        layout[f"xaxis{mark}"] = AXIS | {
            "domain": across, "anchor": f"y{mark}", "type": "category", "categoryorder": "array", "categoryarray": names,
            "range": [-0.5, len(names) - 0.5], "fixedrange": True, "showgrid": False,
        }  # fmt: skip
        layout[f"yaxis{mark}"] = _score_axis(trend.context, colours) | {
            "domain": up, "anchor": f"x{mark}", "showticklabels": column == 0,
        }  # fmt: skip
        if mark:
            layout[f"yaxis{mark}"] |= {"matches": "y", "title": {"text": ""}}
        if not alone:
            layout["annotations"].append(_panel_title(group, across, up, colours))
        if all(visit.median is None for visit in group.visits):
            layout["annotations"].append(
                {
                    "text": TOO_FEW if group.n is None else "too few people for a median", "showarrow": False,
                    "x": 0.5, "y": 0.5, "xref": f"x{mark} domain", "yref": f"y{mark} domain",
                    "font": {"size": 13, "color": colours.quiet_ink},
                }
            )  # fmt: skip
        where = {"xaxis": f"x{mark}", "yaxis": f"y{mark}", "name": plain_label(group.label)}
        data += [trace | where for trace in _visit_traces(group, names, colours, decimals)]
    return Drawn(
        go.Figure(data=data, layout=layout),
        kept_together(_trend_sentence(trend)),
        trend_table(trend, part),
        alt_text("Score over time", trend.context),
    )


def draw_distribution(distribution: ReleasedDistribution, *, dark: bool, part: Part = None) -> Drawn:
    """Distribution of the change: columns for everybody, one bar of worse, about the same and better per group."""
    colours, groups = palette(dark), part_of(distribution.groups, part)
    if len(distribution.groups) == 1:
        figure = _columns(distribution, colours)
    else:
        figure = _three_parts(distribution, groups, colours)
    return Drawn(
        figure,
        kept_together(_distribution_sentence(distribution)),
        distribution_table(distribution, part),
        alt_text("Distribution of change", distribution.context),
    )


def draw_responders(responders: ReleasedResponders, status: str, *, dark: bool, part: Part = None) -> Drawn:
    """Share of people who improved by the important change or more, as a dot with its interval per group.

    `status` names how sure the important change itself is ("awaiting verification").
    """
    groups = part_of(responders.groups, part)
    rows = [(group_name(group.label, responders.context), group.n, group.share) for group in groups]
    return Drawn(
        interval_rows(rows, palette(dark), IMPROVED_AXIS),
        kept_together(_responder_sentence(responders, status)),
        responder_table(responders, status, part),
        alt_text("People who improved by what matters", responders.context),
    )


def draw_change(change: ReleasedChange, *, dark: bool, part: Part = None) -> Drawn:
    """Mean change from first to last score with its interval, one row per group; better lies to the right."""
    colours, groups = palette(dark), part_of(change.groups, part)
    context, decimals = change.context, _mean_decimals(change)
    known = [group for group in groups if group.mean_change is not None]
    ends = [end for group in known for end in (group.low, group.high)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = 0.08 * ((high - low) or 1)
    span = [low - room, high + room]
    layout = rows_layout(colours, [(group_name(group.label, context), group.n, None) for group in groups], "", {})
    layout["xaxis"] = AXIS | {
        "title": {"text": "mean change in points<br>(better lies to the right)", "standoff": 10},
        "range": span if context.higher_is_better else span[::-1],
        "fixedrange": True, "gridcolor": colours.faint, "zeroline": True, "zerolinecolor": colours.quiet_ink,
        "zerolinewidth": 2, "nticks": 7,
    }  # fmt: skip
    names = [row_name(group_name(group.label, context), group.n) for group in known]
    dots = {
        "type": "scatter", "x": [group.mean_change for group in known], "y": names, "mode": "markers+text",
        "text": [f"<b>{signed_text(group.mean_change, decimals)}</b>" for group in known],
        "textposition": "top center", "textfont": {"color": colours.ink},
        "marker": {"size": 13, "color": colours.lit, "symbol": "diamond"},
        "error_x": {
            "type": "data", "symmetric": False, "color": colours.lit, "thickness": 3, "width": 8,
            "array": [group.high - group.mean_change for group in known],
            "arrayminus": [group.mean_change - group.low for group in known],
        },
        "customdata": [
            [signed_text(each, decimals) for each in (group.mean_change, group.low, group.high)] + [plain_label(group.label)]
            for group in known
        ],
        "hovertemplate": "%{y}: %{customdata[0]}, %{customdata[1]} to %{customdata[2]}<extra></extra>",
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}, "textfont": {"color": colours.ink}},
    }  # fmt: skip
    return Drawn(
        go.Figure(data=[dots], layout=layout),
        kept_together(change_sentence(change)),
        completeness_table(change, part),
        alt_text("Mean change", context),
    )


def change_sentence(change: ReleasedChange) -> str:
    """How far the people moved on average, in the direction of good."""
    context, decimals = change.context, _mean_decimals(change)
    tail = tail_text(context, change.n, change.completeness)
    if len(change.groups) > 1:
        return (
            f"Each diamond is a group's mean change from the first to the last score, the line its {RANGE}; where lines "
            f"overlap, the groups may not differ, and a line across nought is no clear change. {tail}"
        )
    group = change.groups[0]
    return (
        f"{verdict(group, context)}: {signed_text(group.mean_change, decimals)} points, {RANGE} "
        f"{signed_text(group.low, decimals)} to {signed_text(group.high, decimals)}. {tail}"
    )


def draw_completeness(change: ReleasedChange, *, dark: bool, part: Part = None) -> Drawn:
    """Share of the people with any score who have a first and a later one, per group; the rest is the unknown."""
    colours, groups = palette(dark), part_of(change.groups, part)
    rows = [(group_name(group.label, change.context), group.n, group.completeness) for group in groups]
    if all(share == HIDDEN_BY_GROUP for _, _, share in rows):
        # By group nothing may be said; the whole still can.
        rows = [("all groups together" if len(change.groups) > 1 else EVERYBODY, change.n, change.completeness)]
    # Beside a share of the people with any score stands their number, not that of those with two.
    rows = [(label, n if share.n is None else share.n, share) for label, n, share in rows]
    names = [row_name(label, n) for label, n, _ in rows]
    known = [share.percent for _, _, share in rows]
    data = [
        {
            "type": "bar",
            "x": values,
            "y": names,
            "orientation": "h",
            "name": name,
            "marker": {
                "color": colour,
                "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.quiet_ink, "size": 6},
            },
            "text": [f"{each} %" if each and each >= _NARROWEST_SEGMENT_WITH_TEXT else "" for each in values],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textfont": {"color": ink},
            "customdata": [plain_label(label) for label, _, _ in rows],
            "hovertemplate": f"%{{y}}: %{{x}} % {name}<extra></extra>",
            **_STAY,
        }
        for values, name, colour, pattern, ink in (
            (known, "first and later score", colours.lit, "", colours.page),
            ([None if each is None else 100 - each for each in known], "course not known", colours.faint, "/", _UNSEEN),
        )
    ]
    sentence = completeness_sentence(change.completeness)
    if len(change.groups) > 1 and change.groups[0].completeness == HIDDEN_BY_GROUP:
        sentence += f" By group: {change.groups[0].completeness.text}."
    sentence += " Those who did not answer may have done better or worse; nothing here corrects for them."
    return Drawn(
        go.Figure(data=data, layout=rows_layout(colours, rows, "% of people with any score", LEGEND_ABOVE)),
        kept_together(sentence),
        completeness_table(change, part),
        alt_text("Completeness", change.context),
    )


def trend_table(trend: ReleasedTrend, part: Part = None) -> pd.DataFrame:
    """One row per group and visit; how many came is a column of it where that is told."""
    decimals = _median_decimals(trend)
    told = any(visit.n is not None for group in trend.groups for visit in group.visits)
    return pd.DataFrame(
        [
            {
                "Group": group_name(group.label, trend.context),
                "Visit": visit.label,
                **({"People": _told(visit.n)} if told else {}),
                "Lower quartile": number_text(visit.lower_quartile, decimals),
                "Median": number_text(visit.median, decimals),
                "Upper quartile": number_text(visit.upper_quartile, decimals),
                "Completeness": group.completeness.text,
            }
            for group in part_of(trend.groups, part)
            for visit in group.visits
        ]
    )


def distribution_table(distribution: ReleasedDistribution, part: Part = None) -> pd.DataFrame:
    """One row per group and bin of change."""
    decimals = _edge_decimals(distribution)
    return pd.DataFrame(
        [
            {
                "Group": group_name(group.label, distribution.context),
                "Change": _bin_name(each, decimals),
                "That is": _bin_meaning(each, distribution.context),
                "People": _told(each.n),
                "Of 100 people in the group": _told(percent_of(each.n, group.n)),
            }
            for group in part_of(distribution.groups, part)
            for each in group.bins
        ]
    )


def responder_table(responders: ReleasedResponders, status: str, part: Part = None) -> pd.DataFrame:
    """One row per group, with the important change and how sure that is."""
    return pd.DataFrame(
        [
            {
                "Group": group_name(group.label, responders.context),
                "People": _told(group.n),
                "Improved by what matters": group.share.text,
                RANGE: span_text(group.share),
                "Completeness": group.completeness.text,
                "What matters": f"{responders.important_change:g} points or more ({status})",
            }
            for group in part_of(responders.groups, part)
        ]
    )


def completeness_table(change: ReleasedChange, part: Part = None) -> pd.DataFrame:
    """One row per group: people, completeness, mean first and last score and mean change with its interval."""
    decimals = _mean_decimals(change)
    return pd.DataFrame(
        [
            {
                "Group": group_name(group.label, change.context),
                "People": _told(group.n),
                "Completeness": group.completeness.text,
                "Mean first": number_text(group.mean_first, decimals),
                "Mean last": number_text(group.mean_last, decimals),
                "Mean change": signed_text(group.mean_change, decimals),
                f"{RANGE} of the mean change": f"{signed_text(group.low, decimals)} to {signed_text(group.high, decimals)}",
            }
            for group in part_of(change.groups, part)
        ]
    )


def _told(count: int | None) -> int | str:
    """A released count as a cell of a table."""
    return "not shown" if count is None else count


def _mean_decimals(change: ReleasedChange) -> int:
    return decimals_of(
        value for group in change.groups for value in (group.mean_first, group.mean_last, group.mean_change, group.low)
    )


def _median_decimals(trend: ReleasedTrend) -> int:
    return decimals_of(
        value
        for group in trend.groups
        for visit in group.visits
        for value in (visit.lower_quartile, visit.median, visit.upper_quartile)
    )


def _edge_decimals(distribution: ReleasedDistribution) -> int:
    return decimals_of(each.low for each in distribution.groups[0].bins)


def _panel(place: int, count: int, gap: float) -> list[float]:
    """Where panel `place` of `count` begins and ends, as shares of the whole."""
    size = (1 - gap * (count - 1)) / count
    return [round(place * (size + gap), 4), round(place * (size + gap) + size, 4)]


def _panel_title(group: ReleasedTrendGroup, across: list[float], up: list[float], colours: Palette) -> dict[str, Any]:
    n = TOO_FEW if group.n is None else f"n = {count_text(group.n)}"
    return {
        "text": f"{plain_label(group.label)}  ({n})", "showarrow": False, "font": {"size": 14, "color": colours.ink},
        "x": sum(across) / 2, "y": up[1], "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom",
    }  # fmt: skip


def _score_axis(context: ReleasedContext, colours: Palette) -> dict[str, Any]:
    """The whole scale, with a little room at its ends, and the direction of good."""
    room = 0.04 * (context.maximum - context.minimum)
    return AXIS | {
        "range": [context.minimum - room, context.maximum + room], "fixedrange": True, "gridcolor": colours.faint,
        "zeroline": False, "nticks": 6,
        "title": {"text": f"{plain_label(context.instrument_name)}<br>({better_is(context)})", "standoff": 10},
    }  # fmt: skip


def _visit_traces(
    group: ReleasedTrendGroup, names: Sequence[str], colours: Palette, decimals: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The boxes and the medians of one group's visits."""
    boxes = [
        (name, visit) for name, visit in zip(names, group.visits, strict=True) if visit.lower_quartile is not None
    ]  # fmt: skip
    box = {
        "type": "bar",
        "x": [name for name, _ in boxes],
        "y": [visit.upper_quartile - visit.lower_quartile for _, visit in boxes],
        "base": [visit.lower_quartile for _, visit in boxes],
        "width": 0.3,
        "marker": {"color": colours.lit_box, "line": {"width": 0}},
        "customdata": [
            [visit.lower_quartile, visit.upper_quartile, "" if visit.n is None else f"<br>n = {count_text(visit.n)}"]
            for _, visit in boxes
        ],
        "hovertemplate": "middle half: %{customdata[0]} to %{customdata[1]}%{customdata[2]}<extra></extra>",
    }
    medians = {
        "type": "scatter",
        "x": list(names),
        "y": [visit.median for visit in group.visits],
        "mode": "lines+markers+text",
        "text": [
            "" if visit.median is None else f"<b>{number_text(visit.median, decimals)}</b>" for visit in group.visits
        ],
        "textposition": "top center",
        "textfont": {"color": colours.ink},
        "line": {"color": colours.lit, "width": 2},
        "marker": {"size": 10, "color": colours.lit, "symbol": "diamond"},
        "hovertemplate": "median %{y}<extra></extra>",
    }
    return box, medians


def _visit_name(label: str, n: int | None, alone: bool) -> str:
    words = plain_label(label)
    if not alone:
        return words.replace("before the operation", "before")
    words = words.replace(" after", "<br>after").replace(" the ", "<br>the ")
    return words if n is None else f"{words}<br>n = {count_text(n)}"


def _trend_sentence(trend: ReleasedTrend) -> str:
    tail = tail_text(trend.context, trend.n, trend.completeness)
    if len(trend.groups) > 1:
        return (
            f"The diamond is the median of each visit, the box the middle half of the people; {len(trend.groups)} groups "
            f"in a fixed order, not by result, all on the same scale. {tail}"
        )
    visits = [visit for visit in trend.groups[0].visits if visit.median is not None]
    if len(visits) < 2:
        return f"Too few people came at more than one visit for a course over time to be shown. {tail}"
    first, last, decimals = visits[0], visits[-1], _median_decimals(trend)
    middle = (
        f" The middle half lay between {number_text(first.lower_quartile, decimals)} and "
        f"{number_text(first.upper_quartile, decimals)}, then between {number_text(last.lower_quartile, decimals)} and "
        f"{number_text(last.upper_quartile, decimals)}."
        if first.lower_quartile is not None and last.lower_quartile is not None
        else ""
    )
    return (
        f"The median went from {number_text(first.median, decimals)} ({first.label}, {count_text(first.n)} people) to "
        f"{number_text(last.median, decimals)} ({last.label}, {count_text(last.n)} people).{middle} Not everybody came at each "
        f"visit, so these are not quite the same people. {tail}"
    )


def _bin_name(each: ReleasedBin, decimals: int) -> str:
    if each.low is None:
        return f"under {signed_text(each.high, decimals)}"
    if each.high is None:
        return f"{signed_text(each.low, decimals)} or more"
    return f"{signed_text(each.low, decimals)} to under {signed_text(each.high, decimals)}"


def _bin_meaning(each: ReleasedBin, context: ReleasedContext) -> str:
    if each.better is None:
        return _middle_name(each, context)
    return "better" if each.better else "worse"


def _middle_name(each: ReleasedBin, context: ReleasedContext) -> str:
    """What a change in the part that holds no change means, exactly."""
    up, down = ("better", "worse") if context.higher_is_better else ("worse", "better")
    below = [down] if each.low is None else [f"up to {-each.low:g} {down}"] if each.low < 0 else []
    above = [up] if each.high is None else [f"under {each.high:g} {up}"]
    return ", ".join([*below, "the same"]) + " or " + above[0]


def _thirds(group: ReleasedDistributionGroup) -> tuple[int | None, int | None, int | None]:
    """People who got worse, stayed about the same, got better: sums of released bins; None where a bin is hidden."""

    def people(side: bool | None) -> int | None:
        inside = [each.n for each in group.bins if each.better is side]
        return None if None in inside else sum(inside)

    return people(False), people(None), people(True)


def _middle(distribution: ReleasedDistribution) -> str:
    return next(
        (_middle_name(each, distribution.context) for each in distribution.groups[0].bins if each.better is None), ""
    )


def _distribution_sentence(distribution: ReleasedDistribution) -> str:
    context = distribution.context
    tail = tail_text(context, distribution.n, distribution.completeness, parts="columns")
    middle = _middle(distribution)
    if len(distribution.groups) > 1:
        lead = "How many of 100 people in each group got worse, stayed about the same or got better."
        if not any(each.better is False for each in distribution.groups[0].bins):
            lead = "How many of 100 people in each group got better; too few got worse in some group to be drawn apart."
        return f"{lead} The middle part holds: {middle}. {tail}"
    group = distribution.groups[0]
    worse, same, better = (percent_of(n, group.n) for n in _thirds(group))
    if None in (worse, same, better):
        known = ((better, "got better"), (same, f"stayed about the same ({middle})"), (worse, "got worse"))
        told = [f"about {n} {what}" for n, what in known if n is not None]
        hidden = [f"who {what}" for n, what in known if n is None]
        lead = f"Of 100 people {' and '.join(told)}. " if told else ""
        return f"{lead}Not summed up, because a column of it is of too few people: {', '.join(hidden)}. {tail}"
    if any(each.better is False for each in group.bins):
        return f"Of 100 people about {better} got better, {same} stayed about the same ({middle}) and {worse} got worse. {tail}"
    return f"Of 100 people about {better} got better; too few got worse to be drawn apart from the {same} ({middle}). {tail}"


def _columns(distribution: ReleasedDistribution, colours: Palette) -> go.Figure:
    """Columns of equal width between the ends of the bins; better always lies to the right."""
    group, context = distribution.groups[0], distribution.context
    decimals = _edge_decimals(distribution)
    shares = [percent_of(each.n, group.n) for each in group.bins]
    data = []
    for side, name, colour, pattern in _sides(distribution, colours):
        places = [place for place, each in enumerate(group.bins) if each.better is side and shares[place] is not None]
        data.append(
            {
                "type": "bar",
                "x": [place + 0.5 for place in places],
                "y": [shares[place] for place in places],
                "width": 0.94,
                "name": name,
                "marker": {
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.page, "size": 6},
                },
                "text": [f"{shares[place]}" if shares[place] else "<1" for place in places],
                "textposition": "outside",
                "textfont": {"color": colours.ink},
                "customdata": [
                    [_bin_name(group.bins[place], decimals), count_text(group.bins[place].n)] for place in places
                ],
                "hovertemplate": "change %{customdata[0]}: %{customdata[1]} people (%{y} of 100)<extra></extra>",
                "cliponaxis": False,
            }
        )
    edges = [(place, each.low) for place, each in enumerate(group.bins) if each.low is not None]
    if len(edges) > _MOST_EDGES_WITH_TEXT:
        nought = next((place for place, low in edges if low == 0), 0)
        edges = [(place, low) for place, low in edges if (place - nought) % 2 == 0]
    layout = {
        **plain(colours, _TREND_PX),
        **LEGEND_ABOVE,
        "bargap": 0.3,
        "xaxis": {
            **AXIS,
            "tickvals": [place for place, _ in edges],
            "ticktext": [signed_text(low, decimals) for _, low in edges],
            "range": [0, len(group.bins)] if context.higher_is_better else [len(group.bins), 0],
            "title": {"text": "change in points<br>(better lies to the right)", "standoff": 10},
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {
            **AXIS,
            "title": {"text": "of 100 people", "standoff": 10},
            "fixedrange": True,
            "gridcolor": colours.faint,
            "rangemode": "tozero",
            "zerolinecolor": colours.box_line,
        },
    }
    return go.Figure(data=data, layout=layout)


def _sides(distribution: ReleasedDistribution, colours: Palette) -> list[tuple[bool | None, str, str, str]]:
    """The parts that the released bins allow, each with the name of exactly what it holds."""
    held = {each.better for each in distribution.groups[0].bins}
    parts = (
        (False, "worse", colours.other, "/"),
        (None, _middle(distribution), colours.box_line, ""),
        (True, "better", colours.lit, ""),
    )
    return [part for part in parts if part[0] in held]


def _three_parts(
    distribution: ReleasedDistribution, groups: Sequence[ReleasedDistributionGroup], colours: Palette
) -> go.Figure:
    parts = [tuple(percent_of(n, group.n) for n in _thirds(group)) for group in groups]
    nothing = [all(part is None for part in each) for each in parts]
    rows = [
        (group.label, group.n, NOT_SHOWN if hidden else None) for group, hidden in zip(groups, nothing, strict=True)
    ]
    names = [row_name(label, n) for label, n, _ in rows]
    data = []
    for side, name, colour, pattern in _sides(distribution, colours):
        place = (False, None, True).index(side)
        values = [part[place] for part in parts]
        data.append(
            {
                "type": "bar",
                "x": values,
                "y": names,
                "orientation": "h",
                "name": name,
                "marker": {
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.page, "size": 6},
                },
                "text": [
                    f"{each}" if each is not None and each >= _NARROWEST_SEGMENT_WITH_TEXT and not pattern else ""
                    for each in values
                ],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textfont": {"color": colours.page if place == 2 else colours.ink},
                "customdata": [plain_label(group.label) for group in groups],
                "hovertemplate": f"%{{y}}: %{{x}} of 100 {name}<extra></extra>",
                **_STAY,
            }
        )
    layout = rows_layout(colours, rows, "of 100 people", LEGEND_ABOVE)
    for name, part, hidden in zip(names, parts, nothing, strict=True):
        if None in part and not hidden:
            known = sum(each for each in part if each is not None)
            layout["annotations"].append(_rest_too_few(name, known, colours))
    return go.Figure(data=data, layout=layout)


def _rest_too_few(name: str, known: int, colours: Palette) -> dict[str, Any]:
    """Says behind the parts of a row that are drawn that the others rest on too few people."""
    return {
        "text": f"the rest: {TOO_FEW}", "x": known + 2, "y": name, "xanchor": "left" if known <= 50 else "right",
        "showarrow": False, "font": {"size": 13, "color": colours.quiet_ink if known <= 50 else colours.ink},
    }  # fmt: skip


def _responder_sentence(responders: ReleasedResponders, status: str) -> str:
    context = responders.context
    matters = (
        f"What matters: {responders.important_change:g} points or more for the better ({status}; "
        f"{responders.important_change_source})."
    )
    tail = tail_text(context, responders.n, responders.completeness)
    if len(responders.groups) > 1:
        return (
            f"Each diamond is a group's share, the line its {RANGE}; where lines overlap, the groups may not differ. "
            f"{matters} {tail}"
        )
    share = responders.groups[0].share
    span = "" if share.percent is None else f", {RANGE} {share.low_percent} to {share.high_percent} %"
    return f"{share_text(share)} improved by what matters{span}. {matters} {tail}"
