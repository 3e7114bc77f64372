"""The map of mechanisms: factors in body order on the left, steps at the kneecap, pain on the right.

Two ways of drawing the same arrows. *Story*: the arrows that clinics tell, all alike. *Studies*: the width of every arrow
is its evidence level, and told arrows that studies did not find stay visible as thin dots. Nothing here is a measurement
of a person.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from kneewise.figures.drawn import Drawn, Palette, palette, plain_layout

Voice = Literal["clinician", "patient"]
Told = Literal["story", "studies"]

_FACTOR_RIGHT = 0.235
_STAGE_CENTRE = {1: 0.375, 2: 0.565, 3: 0.755, 4: 0.94}
_BOX_HALF_WIDTH = {1: 0.072, 2: 0.072, 3: 0.072, 4: 0.052}
_REGIONS = ("hip_pelvis", "knee", "foot_ankle", "load", "person")
_REGION_TITLES = {
    "hip_pelvis": "Hip and pelvis", "knee": "Knee", "foot_ankle": "Foot and ankle", "load": "Load", "person": "Person",
}  # fmt: skip


@dataclass(frozen=True)
class MapFactor:
    """A factor as the map shows it. `state` is present, absent or not_tested; `switched_off` is a what-if."""

    id: str
    label: str
    region: str
    state: str
    switched_off: bool = False


@dataclass(frozen=True)
class MapNode:
    """A step: `stage` 1..4 from left to right, `row` 0 (top) to 1 (bottom)."""

    id: str
    label: str
    stage: int
    row: float


@dataclass(frozen=True)
class MapLink:
    """An arrow with its evidence level (`width` in pixels) and whether a present factor lights it."""

    id: str
    origin: str
    target: str
    told: bool
    lit: bool
    level: str
    width: float
    dash: str
    contested: bool
    story: str
    studies: str


def draw_mechanism_map(
    factors: Sequence[MapFactor],
    nodes: Sequence[MapNode],
    links: Sequence[MapLink],
    *,
    told: Told,
    dark: bool,
    selected: str | None = None,
    height_px: int = 620,
) -> Drawn:
    """The map as a Plotly figure with its sentence and a table of the arrows.

    `told` chooses the story or the studies; `selected` names a link or node to emphasise. Hover text and selection carry
    the id of the link in `customdata`.
    """
    colours = palette(dark)
    figure = plain_layout(go.Figure(), colours, height_px)
    figure.update_xaxes(visible=False, range=[0, 1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[1.02, -0.06], fixedrange=True)
    places = _places(factors, nodes)
    shown = [
        link for link in links if link.origin in places and link.target in places and (told == "studies" or link.told)
    ]
    ports = _ports(shown, places)
    shapes = [
        _arrow(link, ports[link.id], told, colours, selected) for link in sorted(shown, key=lambda link: link.lit)
    ]
    shapes += [_box(node, places[node.id], _is_lit(node.id, shown), colours, selected) for node in nodes]
    figure.update_layout(shapes=shapes)
    _add_arrow_marks(figure, shown, ports, told, colours)
    _add_factor_labels(figure, factors, places, colours)
    _add_node_labels(figure, nodes, places, shown, colours)
    return Drawn(figure, _sentence(factors, shown, told), _table(shown, factors, nodes), _alt(told))


def _places(factors: Sequence[MapFactor], nodes: Sequence[MapNode]) -> dict[str, tuple[float, float]]:
    """Where every factor and node stands: (x, y) with y growing downwards from 0 to 1."""
    rows: list[str | None] = []
    for region in _REGIONS:
        members = [factor.id for factor in factors if factor.region == region]
        if members:
            rows += [None, *members]
    step = 1 / max(len(rows), 1)
    places = {factor: (_FACTOR_RIGHT, (row + 0.5) * step) for row, factor in enumerate(rows) if factor}
    places |= {node.id: (_STAGE_CENTRE[node.stage], node.row) for node in nodes}
    return places


def _ports(links: Sequence[MapLink], places: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, ...]]:
    """Start and end of every arrow (x0, y0, x1, y1); ends at one box are spread so that arrows do not overlap."""
    arriving: dict[str, list[MapLink]] = {}
    for link in links:
        arriving.setdefault(link.target, []).append(link)
    ports = {}
    for target, group in arriving.items():
        group.sort(key=lambda link: places[link.origin][1])
        x1, y1 = places[target]
        for position, link in enumerate(group):
            x0, y0 = places[link.origin]
            offset = (position - (len(group) - 1) / 2) * min(0.011, 0.09 / len(group))
            start = x0 + (0.012 if x0 == _FACTOR_RIGHT else _half_width(x0))
            ports[link.id] = (start, y0, x1 - _half_width(x1), y1 + offset)
    return ports


def _half_width(x: float) -> float:
    return next(_BOX_HALF_WIDTH[stage] for stage, centre in _STAGE_CENTRE.items() if centre == x)


def _arrow(link: MapLink, port: tuple[float, ...], told: Told, colours: Palette, selected: str | None) -> dict:
    x0, y0, x1, y1 = port
    middle = (x1 - x0) * 0.5
    width = 3.0 if told == "story" else link.width
    colour = colours.lit if link.lit else colours.faint
    if selected in (link.id, link.origin, link.target):
        colour = colours.other
        width += 1.5
    return {
        "type": "path",
        "path": f"M {x0:.4f} {y0:.4f} C {x0 + middle:.4f} {y0:.4f} {x1 - middle:.4f} {y1:.4f} {x1 - 0.006:.4f} {y1:.4f}",
        "line": {"color": colour, "width": width, "dash": "solid" if told == "story" else link.dash},
        "layer": "below",
        "opacity": 1.0 if link.lit else 0.75,
    }


def _box(node: MapNode, place: tuple[float, float], lit: bool, colours: Palette, selected: str | None) -> dict:
    x, y = place
    half, tall = _BOX_HALF_WIDTH[node.stage], 0.052 if node.stage != 4 else 0.075
    return {
        "type": "path",
        "path": _rounded(x - half, y - tall, x + half, y + tall, 0.012, 0.018),
        "fillcolor": colours.lit_box if lit else colours.box,
        "line": {
            "color": colours.other if node.id == selected else colours.lit if lit else colours.box_line,
            "width": 2 if lit or node.id == selected else 1,
        },
        "layer": "below",
    }


def _rounded(left: float, top: float, right: float, bottom: float, rx: float, ry: float) -> str:
    return (
        f"M {left + rx:.4f} {top:.4f} L {right - rx:.4f} {top:.4f} Q {right:.4f} {top:.4f} {right:.4f} {top + ry:.4f} "
        f"L {right:.4f} {bottom - ry:.4f} Q {right:.4f} {bottom:.4f} {right - rx:.4f} {bottom:.4f} "
        f"L {left + rx:.4f} {bottom:.4f} Q {left:.4f} {bottom:.4f} {left:.4f} {bottom - ry:.4f} "
        f"L {left:.4f} {top + ry:.4f} Q {left:.4f} {top:.4f} {left + rx:.4f} {top:.4f} Z"
    )


def _is_lit(node: str, links: Sequence[MapLink]) -> bool:
    return any(link.lit and node in (link.origin, link.target) for link in links)


def _add_arrow_marks(
    figure: go.Figure, links: Sequence[MapLink], ports: Mapping[str, tuple[float, ...]], told: Told, colours: Palette
) -> None:
    """Arrow heads, and a mark on each arrow's middle that carries its words: '?' where sources disagree."""
    if not links:
        return
    figure.add_trace(
        go.Scatter(
            x=[ports[link.id][2] - 0.003 for link in links],
            y=[ports[link.id][3] for link in links],
            mode="markers",
            marker={"symbol": "triangle-right", "size": 9, "color": [_mark_colour(link, colours) for link in links]},
            hoverinfo="skip",
        )
    )
    contested = told == "studies"
    figure.add_trace(
        go.Scatter(
            x=[(ports[link.id][0] + ports[link.id][2]) / 2 for link in links],
            y=[(ports[link.id][1] + ports[link.id][3]) / 2 for link in links],
            mode="markers+text",
            text=["?" if contested and link.contested else "" for link in links],
            textfont={"size": 12, "color": colours.ink},
            marker={
                "size": [17 if contested and link.contested else 9 for link in links],
                "color": [
                    colours.box if contested and link.contested else _mark_colour(link, colours) for link in links
                ],
                "line": {"color": [_mark_colour(link, colours) for link in links], "width": 1.5},
            },
            customdata=[link.id for link in links],
            hovertext=[_hover(link, told) for link in links],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )


def _mark_colour(link: MapLink, colours: Palette) -> str:
    return colours.lit if link.lit else colours.faint


def _hover(link: MapLink, told: Told) -> str:
    words = link.story if told == "story" else f"{link.level}: {link.studies}"
    return "<br>".join(textwrap.wrap(words, 52))


def _add_factor_labels(
    figure: go.Figure,
    factors: Sequence[MapFactor],
    places: Mapping[str, tuple[float, float]],
    colours: Palette,
) -> None:
    symbols = {"present": "circle", "absent": "circle-open", "not_tested": "circle-dot-open"}
    figure.add_trace(
        go.Scatter(
            x=[places[factor.id][0] for factor in factors],
            y=[places[factor.id][1] for factor in factors],
            mode="markers+text",
            text=[_factor_words(factor) for factor in factors],
            textposition="middle left",
            textfont={
                "size": 13,
                "color": [colours.ink if factor.state == "present" else colours.quiet_ink for factor in factors],
            },
            marker={
                "symbol": ["circle-open" if factor.switched_off else symbols[factor.state] for factor in factors],
                "size": 12,
                "color": [
                    colours.lit if factor.state == "present" and not factor.switched_off else colours.quiet_ink
                    for factor in factors
                ],
                "line": {"width": 2},
            },
            customdata=[factor.id for factor in factors],
            hovertemplate="%{text}<extra></extra>",
            cliponaxis=False,
        )
    )
    for region in _REGIONS:
        rows = [places[factor.id][1] for factor in factors if factor.region == region]
        if rows:
            step = 1 / (len(factors) + len({factor.region for factor in factors}))
            figure.add_annotation(
                x=0.0, y=min(rows) - step, text=f"<b>{_REGION_TITLES[region]}</b>", showarrow=False, xanchor="left",
                yanchor="middle", font={"size": 13, "color": colours.quiet_ink},
            )  # fmt: skip


def _factor_words(factor: MapFactor) -> str:
    words = f"<b>{factor.label}</b>" if factor.state == "present" and not factor.switched_off else factor.label
    return f"<s>{words}</s>" if factor.switched_off else words


def _add_node_labels(
    figure: go.Figure,
    nodes: Sequence[MapNode],
    places: Mapping[str, tuple[float, float]],
    links: Sequence[MapLink],
    colours: Palette,
) -> None:
    figure.add_trace(
        go.Scatter(
            x=[places[node.id][0] for node in nodes],
            y=[places[node.id][1] for node in nodes],
            mode="text",
            text=["<br>".join(textwrap.wrap(node.label, 17)) for node in nodes],
            textfont={"size": 13, "color": colours.ink},
            customdata=[node.id for node in nodes],
            hoverinfo="skip",
        )
    )


def _sentence(factors: Sequence[MapFactor], links: Sequence[MapLink], told: Told) -> str:
    present = [factor.label for factor in factors if factor.state == "present" and not factor.switched_off]
    if not present:
        return "No factor is marked as present yet, so no arrow is lit."
    lit = [link for link in links if link.lit]
    words = f"{len(present)} factor{'s' if len(present) > 1 else ''} present ({', '.join(present)}) light {len(lit)} arrows."
    if told == "story":
        return (
            f"The story clinics tell: {words} All arrows look alike here, because a story does not say how sure it is."
        )
    doubtful = [link for link in lit if link.dash == "dot"]
    strongest = max(lit, key=lambda link: link.width, default=None)
    tail = f" {len(doubtful)} of them were looked for and not found in studies." if doubtful else ""
    return f"What studies found: {words}{tail}" + (
        f" The best supported reads: {strongest.studies}" if strongest else ""
    )


def _table(links: Sequence[MapLink], factors: Sequence[MapFactor], nodes: Sequence[MapNode]) -> pd.DataFrame:
    names = {item.id: item.label for item in (*factors, *nodes)}
    return pd.DataFrame(
        [
            {
                "From": names[link.origin],
                "To": names[link.target],
                "Lit": "yes" if link.lit else "no",
                "Told by clinics": "yes" if link.told else "no",
                "Evidence": link.level + (", sources disagree" if link.contested else ""),
                "The story": link.story,
                "What studies found": link.studies,
            }
            for link in sorted(links, key=lambda link: (not link.lit, -link.width))
        ],
        columns=["From", "To", "Lit", "Told by clinics", "Evidence", "The story", "What studies found"],
    )


def _alt(told: Told) -> str:
    return "Map of mechanisms: " + (
        "the story clinics tell" if told == "story" else "what studies found about each arrow"
    )
