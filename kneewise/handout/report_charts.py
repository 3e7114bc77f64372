"""The report's charts: released answers as positions and labels for `plot`. They say what the screen's charts say."""

from __future__ import annotations

from kneewise.disclosure.comparison import ReleasedComparison
from kneewise.disclosure.control_chart import ReleasedControlChart
from kneewise.disclosure.recovery import ReleasedRecovery
from kneewise.handout.plot import Line, Marks, Plot, nice_ticks, plot_svg

_SHAPES = {"improvement": ("up", "lit"), "concern": ("down", "other"), "special": ("diamond", "other")}
_STATUS_SHAPES = {
    "positive 99.8": ("up", "lit"),
    "positive 95": ("up", "lit"),
    "negative 95": ("down", "other"),
    "negative 99.8": ("down", "other"),
    "not an outlier": ("circle", "quiet"),
    "insufficient records": ("circle-open", "quiet"),
}
_UNITS = {"percent": "% of people", "points": "points", "episodes": "people"}


def control_chart_svg(chart: ReleasedControlChart, alt: str) -> str | None:
    """The control chart as SVG, or None where no point may be shown."""
    shown = [(place, each) for place, each in enumerate(chart.points) if each.value is not None]
    if not shown:
        return None
    values = [
        value for _, each in shown for value in (each.value, each.lower, each.upper, chart.target) if value is not None
    ]

    def line(name: str, **style) -> Line:
        return Line(tuple((place, getattr(each, name)) for place, each in shown), steps=name != "value", **style)

    layers: list[Line | Marks] = [
        line("upper", dash="dot"),
        line("lower", dash="dot"),
        line("centre", width=1),
        line("value", width=1.2),
    ]
    if chart.target is not None:
        layers.append(Line(((-0.5, chart.target), (len(chart.points) - 0.5, chart.target)), "other", "dash"))
    for place, each in shown:
        shape, colour = _SHAPES.get(each.signal or "", ("circle-open" if each.immature else "circle", "quiet"))
        layers.append(Marks(((place, each.value),), shape, colour))
    return plot_svg(
        Plot(
            alt=alt,
            x_name=chart.period,
            y_name=_UNITS[chart.unit],
            x_range=(-0.5, len(chart.points) - 0.5),
            y_range=_with_room(values),
            x_ticks=tuple((place, each.label) for place, each in enumerate(chart.points)),
            layers=tuple(layers),
        )
    )


def comparison_svg(comparison: ReleasedComparison, alt: str) -> str | None:
    """The funnel as SVG, or None where no unit may be shown."""
    shown = [unit for unit in comparison.units if unit.n is not None and unit.observed is not None]
    if not shown or not comparison.limits:
        return None
    limits = comparison.limits
    largest = max(unit.n for unit in shown)
    values = [unit.observed for unit in shown] + [limits[-1].low_998, limits[-1].high_998]
    low, high = _with_room([*values, *(2 * [comparison.expected])], 0.25)

    def curve(name: str, dash: str) -> Line:
        inside = ((each.n, getattr(each, name)) for each in limits)
        return Line(tuple((n, value if low <= value <= high else None) for n, value in inside), dash=dash)

    layers: list[Line | Marks] = [
        curve("high_998", "dash"),
        curve("low_998", "dash"),
        curve("high_95", "dot"),
        curve("low_95", "dot"),
        Line(((0, comparison.expected), (largest, comparison.expected)), width=1),
    ]
    for unit in shown:
        shape, colour = _STATUS_SHAPES[unit.status]
        layers.append(Marks(((unit.n, unit.observed),), shape, colour))
    return plot_svg(
        Plot(
            alt=alt,
            x_name="people",
            y_name="mean change, adjusted",
            x_range=(0, largest * 1.03),
            y_range=(low, high),
            x_ticks=_number_ticks(largest),
            layers=tuple(layers),
        )
    )


def recovery_svg(recovery: ReleasedRecovery, alt: str) -> str | None:
    """The first curve (everybody) with its interval as SVG, or None without one."""
    curve = next((group for group in recovery.groups if group.steps), None)
    if curve is None:
        return None
    last = max(each.week for each in curve.steps)
    return plot_svg(
        Plot(
            alt=alt,
            x_name="weeks since the first score",
            y_name="% who improved by what matters",
            x_range=(0, max(last, 1) * 1.02),
            y_range=(0, 100),
            x_ticks=_number_ticks(last),
            layers=(
                Line(tuple((each.week, each.low_percent) for each in curve.steps), dash="dot", steps=True),
                Line(tuple((each.week, each.high_percent) for each in curve.steps), dash="dot", steps=True),
                Line(tuple((each.week, each.percent) for each in curve.steps), "lit", width=2.5, steps=True),
            ),
        )
    )


def _with_room(values: list[float], share: float = 0.08) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * share or 1.0
    return low - room, high + room


def _number_ticks(largest: float) -> tuple[tuple[float, str], ...]:
    return tuple((value, f"{value:,.0f}") for value in nice_ticks(0, max(largest, 1), 8))
