"""Outcome charts: released answers -> headlines, four charts, each with its sentence and its table.

Takes nothing but the types of `kneewise.disclosure.released`, so nothing under the disclosure threshold can be drawn.
Groups stand in the order of the answer (their names' order), never by result: this is no league table. With many groups
a chart shows a part of them, `part=(first, end)`; the tables of `*_table` hold all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from kneewise.disclosure.grouping import EVERYBODY
from kneewise.disclosure.released import (
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
from kneewise.figures.chart_words import (
    AXIS,
    RANGE,
    Part,
    alt_text,
    better_is,
    blank_rows,
    count_text,
    decimals_of,
    interval_rows,
    kept_together,
    legend_above,
    number_text,
    part_of,
    percent_of,
    percent_rows,
    plain_label,
    row_height,
    row_name,
    say_bounds,
    scale_text,
    share_figure,
    share_text,
    signed_text,
    span_text,
    tail_text,
)
from kneewise.figures.drawn import Drawn, Palette, palette, plain_layout

_PANELS_PER_ROW = 3
_NARROWEST_SEGMENT_WITH_TEXT = 10
_MOST_EDGES_WITH_TEXT = 8


@dataclass(frozen=True)
class Headline:
    """One thing to read in a few seconds: what it is, the figure, and the sentence with its range."""

    label: str
    figure: str
    sentence: str


def headlines(change: ReleasedChange, responders: ReleasedResponders | None, status: str = "") -> tuple[Headline, ...]:
    """How many, how complete, how much better, and how many improved by what matters; of ungrouped answers.

    `responders` is None where nothing may be said; `status` names how sure the important change itself is.
    """
    context, group, decimals = change.context, change.groups[0], _mean_decimals(change)
    found = [
        Headline(
            "People counted",
            count_text(change.n),
            "They have a score at the start and a later one. Counts are rounded, so that nobody can be singled out.",
        ),
        Headline("Completeness", share_figure(change.completeness), completeness_sentence(change.completeness)),
        Headline(
            "Average change, in points",
            signed_text(group.mean_change, decimals),
            f"{verdict(group, context)}: from {number_text(group.mean_first, decimals)} to "
            f"{number_text(group.mean_last, decimals)} on {context.instrument_name} ({scale_text(context)}). {RANGE} of the "
            f"average: {signed_text(group.low, decimals)} to {signed_text(group.high, decimals)}.",
        ),
    ]
    if responders is not None:
        share = responders.groups[0].share
        span = "" if share.percent is None else f" ({RANGE} {share.low_percent} to {share.high_percent} %)"
        found.append(
            Headline(
                "Improved by what matters",
                share_figure(share),
                f"{share_text(share)} improved by {responders.important_change:g} points or more{span}. "
                f"Why {responders.important_change:g}: the instrument's important change, {status}.",
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
        f"({RANGE} {share.low_percent} to {share.high_percent} %). How the others fare is not known."
    )


def draw_trend(trend: ReleasedTrend, *, dark: bool, part: Part = None) -> Drawn:
    """Score over time: the median of each visit, with the middle half of the people as a bar."""
    colours, groups = palette(dark), part_of(trend.groups, part)
    alone = len(trend.groups) == 1
    figure, rows = _panels(groups, alone, colours, height_px=300, panel_px=200)
    for place, group in enumerate(groups):
        where = {"row": place // _PANELS_PER_ROW + 1, "col": place % _PANELS_PER_ROW + 1}
        _add_visits(figure, group, colours, _median_decimals(trend), with_n=alone, **where)
    minimum, maximum = trend.context.minimum, trend.context.maximum
    room = 0.04 * (maximum - minimum)
    figure.update_yaxes(
        range=[minimum - room, maximum + room], fixedrange=True, gridcolor=colours.faint, zeroline=False, nticks=6
    )
    figure.update_xaxes(fixedrange=True, showgrid=False)
    title = f"{plain_label(trend.context.instrument_name)}<br>({better_is(trend.context)})"
    for row in range(1, rows + 1):
        figure.update_yaxes(title={"text": title if row == 1 else ""}, row=row, col=1)
    return Drawn(
        _with_room(figure),
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
    figure = interval_rows([(group.label, group.n, group.share) for group in groups], palette(dark))
    figure.update_xaxes(title="% of people with both scores")
    return Drawn(
        figure,
        kept_together(_responder_sentence(responders, status)),
        responder_table(responders, status, part),
        alt_text("People who improved by what matters", responders.context),
    )


def draw_completeness(change: ReleasedChange, *, dark: bool, part: Part = None) -> Drawn:
    """Share of the people with any score who have a first and a later one, per group; the rest is the unknown."""
    colours, groups = palette(dark), part_of(change.groups, part)
    rows = [(group.label, group.n, group.completeness) for group in groups]
    if all(share.percent is None for _, _, share in rows):
        # By group nothing may be said; the whole still can.
        rows = [("all groups together" if len(change.groups) > 1 else EVERYBODY, change.n, change.completeness)]
    figure = blank_rows(colours, row_height(rows))
    names = [row_name(label, n) for label, n, _ in rows]
    known = [share.percent for _, _, share in rows]
    for values, name, colour, pattern, ink in (
        (known, "first and later score", colours.lit, "", colours.page),
        ([None if each is None else 100 - each for each in known], "course not known", colours.faint, "/", colours.ink),
    ):
        figure.add_trace(
            go.Bar(
                x=values,
                y=names,
                orientation="h",
                name=name,
                marker={
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.quiet_ink, "size": 6},
                },
                text=[f"{each} %" if each and each >= _NARROWEST_SEGMENT_WITH_TEXT else "" for each in values],
                textposition="inside",
                insidetextanchor="middle",
                textfont={"color": ink} if not pattern else {"color": "rgba(0,0,0,0)"},
                hovertemplate=f"%{{y}}: %{{x}} % {name}<extra></extra>",
            )
        )
    say_bounds(figure, rows, names, colours)
    percent_rows(figure, names, colours)
    figure.update_xaxes(title="% of people with any score")
    legend_above(figure)
    sentence = completeness_sentence(change.completeness)
    if len(change.groups) > 1 and change.groups[0].completeness.percent is None:
        sentence += f" By group: {change.groups[0].completeness.text}."
    sentence += " Those who did not answer may have done better or worse; nothing here corrects for them."
    return Drawn(
        figure,
        kept_together(sentence),
        completeness_table(change, part),
        alt_text("Completeness", change.context),
    )


def trend_table(trend: ReleasedTrend, part: Part = None) -> pd.DataFrame:
    """One row per group and visit."""
    decimals = _median_decimals(trend)
    return pd.DataFrame(
        [
            {
                "Group": group.label,
                "Visit": visit.label,
                "People": visit.n,
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
                "Group": group.label,
                "Change": _bin_name(each, decimals),
                "That is": _bin_meaning(each, distribution.context),
                "People": each.n,
                "Of 100 people in the group": percent_of(each.n, group.n),
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
                "Group": group.label,
                "People": group.n,
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
                "Group": group.label,
                "People": group.n,
                "Completeness": group.completeness.text,
                "Mean first": number_text(group.mean_first, decimals),
                "Mean last": number_text(group.mean_last, decimals),
                "Mean change": signed_text(group.mean_change, decimals),
                f"{RANGE} of the mean change": f"{signed_text(group.low, decimals)} to {signed_text(group.high, decimals)}",
            }
            for group in part_of(change.groups, part)
        ]
    )


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


def _group_title(label: str, n: int) -> str:
    return f"{plain_label(label)}  (n = {count_text(n)})"


def _panels(groups: Sequence, alone: bool, colours: Palette, height_px: int, panel_px: int) -> tuple[go.Figure, int]:
    """An empty figure with one panel per group, and its number of rows."""
    if alone:
        return plain_layout(make_subplots(rows=1, cols=1), colours, height_px), 1
    columns = _PANELS_PER_ROW
    rows = -(-len(groups) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes=True,
        subplot_titles=[_group_title(group.label, group.n) for group in groups],
        vertical_spacing=0.3 / rows if rows > 1 else 0,
        horizontal_spacing=0.03,
    )
    figure.update_annotations(font={"size": 14, "color": colours.ink})
    plain_layout(figure, colours, 60 + (panel_px + 30) * rows)
    figure.update_layout(margin={"t": 34})
    return figure, rows


def _add_visits(
    figure: go.Figure, group: ReleasedTrendGroup, colours: Palette, decimals: int, *, with_n: bool, row: int, col: int
) -> None:
    names = [_visit_name(visit.label, visit.n, with_n) for visit in group.visits]
    boxes = [place for place, visit in enumerate(group.visits) if visit.lower_quartile is not None]
    visits = group.visits
    figure.add_trace(
        go.Bar(
            x=[names[place] for place in boxes],
            y=[visits[place].upper_quartile - visits[place].lower_quartile for place in boxes],
            base=[visits[place].lower_quartile for place in boxes],
            width=0.3,
            marker={"color": colours.lit_box, "line": {"width": 0}},
            customdata=[
                [visits[place].lower_quartile, visits[place].upper_quartile, count_text(visits[place].n)]
                for place in boxes
            ],
            hovertemplate="middle half: %{customdata[0]} to %{customdata[1]}<br>n = %{customdata[2]}<extra></extra>",
        ),
        row=row,
        col=col,
    )
    figure.add_trace(
        go.Scatter(
            x=names,
            y=[visit.median for visit in visits],
            mode="lines+markers+text",
            text=["" if visit.median is None else f"<b>{number_text(visit.median, decimals)}</b>" for visit in visits],
            textposition="top center",
            textfont={"color": colours.ink},
            line={"color": colours.lit, "width": 2},
            marker={"size": 10, "color": colours.lit, "symbol": "diamond"},
            hovertemplate="median %{y}<extra></extra>",
        ),
        row=row,
        col=col,
    )
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=names, range=[-0.5, len(names) - 0.5], row=row, col=col
    )
    if all(visit.median is None for visit in visits):
        figure.add_annotation(
            text="too few people for a median",
            x=0.5, y=0.5, xref="x domain", yref="y domain", showarrow=False,
            font={"size": 13, "color": colours.quiet_ink},
            row=row, col=col,
        )  # fmt: skip


def _visit_name(label: str, n: int, with_n: bool) -> str:
    words = (
        plain_label(label).replace(" after", "<br>after").replace(" the ", "<br>the ") if with_n else plain_label(label)
    )
    return f"{words}<br>n = {count_text(n)}" if with_n else words.replace("before the operation", "before")


def _trend_sentence(trend: ReleasedTrend) -> str:
    tail = tail_text(trend.context, trend.n, trend.completeness)
    if len(trend.groups) > 1:
        return (
            f"The diamond is the median of each visit, the box the middle half of the people; {len(trend.groups)} groups "
            f"in the order of their names, all on the same scale. {tail}"
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


def _thirds(group: ReleasedDistributionGroup) -> tuple[int, int, int]:
    """People who got worse, stayed about the same, got better: sums of released bins."""
    return tuple(sum(each.n for each in group.bins if each.better is side) for side in (False, None, True))


def _middle(distribution: ReleasedDistribution) -> str:
    return next(
        (_middle_name(each, distribution.context) for each in distribution.groups[0].bins if each.better is None), ""
    )


def _distribution_sentence(distribution: ReleasedDistribution) -> str:
    context = distribution.context
    tail = tail_text(context, distribution.n, distribution.completeness).replace(
        "; compl", " as the sum of rounded columns; compl"
    )
    middle = _middle(distribution)
    if len(distribution.groups) > 1:
        lead = "How many of 100 people in each group got worse, stayed about the same or got better."
        if not any(each.better is False for each in distribution.groups[0].bins):
            lead = "How many of 100 people in each group got better; too few got worse in some group to be drawn apart."
        return f"{lead} The middle part holds: {middle}. {tail}"
    group = distribution.groups[0]
    worse, same, better = (percent_of(n, group.n) for n in _thirds(group))
    if any(each.better is False for each in group.bins):
        return f"Of 100 people about {better} got better, {same} stayed about the same ({middle}) and {worse} got worse. {tail}"
    return f"Of 100 people about {better} got better; too few got worse to be drawn apart from the {same} ({middle}). {tail}"


def _columns(distribution: ReleasedDistribution, colours: Palette) -> go.Figure:
    """Columns of equal width between the ends of the bins; better always lies to the right."""
    group, context = distribution.groups[0], distribution.context
    figure = blank_rows(colours, 300)
    decimals = _edge_decimals(distribution)
    shares = [percent_of(each.n, group.n) for each in group.bins]
    for side, name, colour, pattern in _sides(distribution, colours):
        places = [place for place, each in enumerate(group.bins) if each.better is side]
        figure.add_trace(
            go.Bar(
                x=[place + 0.5 for place in places],
                y=[shares[place] for place in places],
                width=0.94,
                name=name,
                marker={
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.page, "size": 6},
                },
                text=[f"{shares[place]}" if shares[place] else "<1" for place in places],
                textposition="outside",
                textfont={"color": colours.ink},
                customdata=[
                    [_bin_name(group.bins[place], decimals), count_text(group.bins[place].n)] for place in places
                ],
                hovertemplate="change %{customdata[0]}: %{customdata[1]} people (%{y} of 100)<extra></extra>",
                cliponaxis=False,
            )
        )
    edges = [(place, each.low) for place, each in enumerate(group.bins) if each.low is not None]
    if len(edges) > _MOST_EDGES_WITH_TEXT:
        nought = next((place for place, low in edges if low == 0), 0)
        edges = [(place, low) for place, low in edges if (place - nought) % 2 == 0]
    figure.update_xaxes(
        tickvals=[place for place, _ in edges],
        ticktext=[signed_text(low, decimals) for _, low in edges],
        range=[0, len(group.bins)] if context.higher_is_better else [len(group.bins), 0],
        title="Change in points (better lies to the right)",
        fixedrange=True,
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(
        title="of 100 people",
        fixedrange=True,
        gridcolor=colours.faint,
        rangemode="tozero",
        zerolinecolor=colours.box_line,
    )
    legend_above(figure)
    return figure


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
    figure = blank_rows(colours, row_height(groups))
    names = [row_name(group.label, group.n) for group in groups]
    parts = [tuple(percent_of(n, group.n) for n in _thirds(group)) for group in groups]
    for side, name, colour, pattern in _sides(distribution, colours):
        place = (False, None, True).index(side)
        values = [part[place] for part in parts]
        figure.add_trace(
            go.Bar(
                x=values,
                y=names,
                orientation="h",
                name=name,
                marker={
                    "color": colour,
                    "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": colours.page, "size": 6},
                },
                text=[f"{each}" if each >= _NARROWEST_SEGMENT_WITH_TEXT and not pattern else "" for each in values],
                textposition="inside",
                insidetextanchor="middle",
                textfont={"color": colours.page if place == 2 else colours.ink},
                hovertemplate=f"%{{y}}: %{{x}} of 100 {name}<extra></extra>",
            )
        )
    percent_rows(figure, names, colours)
    figure.update_xaxes(title="of 100 people")
    legend_above(figure)
    return figure


def _with_room(figure: go.Figure) -> go.Figure:
    """The panels of a figure with several axes make room for their own words as well."""
    figure.update_xaxes(AXIS)
    figure.update_yaxes(AXIS)
    return figure


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
