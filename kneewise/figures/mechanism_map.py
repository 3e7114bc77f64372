"""The map of mechanisms: factors in body order on the left, steps at the kneecap, pain on the right.

Two ways of drawing the same arrows. *Story*: the arrows that clinics tell, all alike. *Studies*: the width of every arrow
is its evidence level, and told arrows that studies did not find stay visible as thin dots. Nothing here is a measurement
of a person.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from kneewise.figures.drawn import Drawn, Palette, palette, plain
from kneewise.knowledge_base.models import EvidenceLevel, Factor, KnowledgeBase, MechanismGraph
from kneewise.reasoning.conclusions import Conclusions
from kneewise.reasoning.paths import link_is_contested, link_level

Voice = Literal["clinician", "patient"]
Told = Literal["story", "studies"]

_FACTOR_RIGHT = 0.255
_STAGE_CENTRE = {1: 0.388, 2: 0.575, 3: 0.762, 4: 0.94}
_BOX_HALF_WIDTH = {1: 0.07, 2: 0.07, 3: 0.07, 4: 0.055}
_LONGEST_LABEL = 34
_STATE_WORDS = {"present": "present", "absent": "looked for, not there", "not_tested": "not tested"}
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


@dataclass(frozen=True)
class MechanismMap:
    """What the map shows: factors in body order, steps, arrows, and the evidence levels of its key."""

    factors: tuple[MapFactor, ...]
    nodes: tuple[MapNode, ...]
    links: tuple[MapLink, ...]
    levels: tuple[EvidenceLevel, ...]
    voice: Voice


def mechanism_map_of(
    knowledge: KnowledgeBase,
    conclusions: Conclusions,
    voice: Voice,
    *,
    switched: Mapping[str, bool] | None = None,
    only_lit: bool = False,
) -> MechanismMap:
    """The map of one set of conclusions.

    `switched` is a what-if: factor id -> on or off, on top of what was found. `only_lit` leaves out everything that no
    present factor reaches (for showing to a patient).
    """
    switched = switched or {}
    states = {answer.id: answer.answer for answer in conclusions.factors}
    on = {factor for factor, state in states.items() if switched.get(factor, state == "present")}
    graph = knowledge.mechanisms
    lit = _links_reached(graph, on)
    levels = {link.id: link_level(link, graph) for link in graph.links}
    links = [
        MapLink(
            link.id,
            link.origin,
            link.target,
            link.told,
            link.id in lit,
            getattr(levels[link.id].label, voice),
            levels[link.id].width,
            levels[link.id].dash,
            link_is_contested(link),
            getattr(link.story, voice),
            getattr(link.studies, voice),
        )
        for link in graph.links
    ]
    linked = {link.origin for link in links}
    factors = [
        MapFactor(
            factor.id,
            getattr(factor.label, voice),
            factor.region,
            "present" if factor.id in on or states.get(factor.id) == "present" else states.get(factor.id, "not_tested"),
            switched_off=states.get(factor.id) == "present" and factor.id not in on,
        )
        for factor in in_body_order(knowledge)
        if factor.id in linked
    ]
    nodes = [MapNode(node.id, getattr(node.label, voice), node.stage, node.row) for node in graph.nodes]
    if only_lit:
        links = [link for link in links if link.lit]
        reached = {end for link in links for end in (link.origin, link.target)}
        factors = [factor for factor in factors if factor.state == "present"]
        nodes = [node for node in nodes if node.id in reached or node.stage == 4]
    return MechanismMap(tuple(factors), tuple(nodes), tuple(links), graph.levels, voice)


def _links_reached(graph: MechanismGraph, factors: set[str]) -> set[str]:
    """Ids of all links on a way from these factors. The knowledge check holds that every node leads to pain."""
    reached = set(factors)
    while True:
        more = {link.target for link in graph.links if link.origin in reached} - reached
        if not more:
            return {link.id for link in graph.links if link.origin in reached}
        reached |= more


def in_body_order(knowledge: KnowledgeBase) -> list[Factor]:
    """All factors from the hip down, then load and person."""
    return sorted(knowledge.factors, key=lambda factor: (_REGIONS.index(factor.region), factor.code))


def arrows_that_go_out(before: MechanismMap, after: MechanismMap) -> int:
    """How many lit arrows of `before` are not lit in `after`."""
    return len({link.id for link in before.links if link.lit} - {link.id for link in after.links if link.lit})


def draw_mechanism_map(
    shown_map: MechanismMap,
    *,
    told: Told,
    dark: bool,
    selected: str | None = None,
    height_px: int = 640,
) -> Drawn:
    """The map as a Plotly figure with its sentence and a table of the arrows.

    `told` chooses the story or the studies; `selected` names a link or node to emphasise. Hover text and selection carry
    the id of the link in `customdata`.
    """
    factors, nodes, links = shown_map.factors, shown_map.nodes, shown_map.links
    colours = palette(dark)
    traces: list[dict] = []
    places = _places(factors, nodes)
    shown = [
        link for link in links if link.origin in places and link.target in places and (told == "studies" or link.told)
    ]
    ports = _ports(shown, places)
    shapes = [
        _arrow(link, ports[link.id], told, colours, selected) for link in sorted(shown, key=lambda link: link.lit)
    ]
    shapes += [_box(node, places[node.id], _is_lit(node.id, shown), colours, selected) for node in nodes]
    if told == "studies":
        shapes += _key_lines(shown_map.levels, colours)
        _add_key_words(traces, shown_map, colours)
    _add_arrow_marks(traces, shown, ports, told, colours)
    _add_factor_labels(traces, factors, places, colours)
    _add_node_labels(traces, nodes, places, colours)
    layout = plain(colours, height_px) | {
        "shapes": _joined(shapes),
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {"visible": False, "range": [1.11 if told == "studies" else 1.02, -0.03], "fixedrange": True},
    }
    figure = go.Figure(traces, layout)
    return Drawn(figure, _sentence(shown_map, shown, told), _table(shown, factors, nodes), _alt(told))


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


def _joined(shapes: Sequence[dict]) -> list[dict]:
    """The same drawing with one path for all shapes of one look: Plotly checks and Streamlit sends each shape singly."""
    looks: dict[str, dict] = {}
    for shape in shapes:
        look = {name: value for name, value in shape.items() if name != "path"}
        kept = looks.setdefault(repr(look), {**look, "path": ""})
        kept["path"] = f"{kept['path']} {shape['path']}".strip()
    return list(looks.values())


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
    traces: list[dict], links: Sequence[MapLink], ports: Mapping[str, tuple[float, ...]], told: Told, colours: Palette
) -> None:
    """Arrow heads, and a mark on each arrow that carries its words: '?' on a lit arrow where sources disagree.

    Arrows that are not lit keep an invisible mark, so that they answer to the pointer without filling the picture.
    """
    if not links:
        return
    traces.append(
        dict(
            type="scatter",
            x=[ports[link.id][2] - 0.003 for link in links],
            y=[ports[link.id][3] for link in links],
            mode="markers",
            marker={"symbol": "triangle-right", "size": 9, "color": [_mark_colour(link, colours) for link in links]},
            hoverinfo="skip",
        )
    )
    for lit in (False, True):
        _add_marks(traces, [link for link in links if link.lit is lit], lit, ports, told, colours)


def _add_marks(
    traces: list[dict],
    links: Sequence[MapLink],
    lit: bool,
    ports: Mapping[str, tuple[float, ...]],
    told: Told,
    colours: Palette,
) -> None:
    asked = [told == "studies" and lit and link.contested for link in links]
    points = [_point_on(ports[link.id]) for link in links]
    opacity = 1.0 if lit else 0.0
    traces.append(
        dict(
            type="scatter",
            x=[x for x, _ in points],
            y=[y for _, y in points],
            mode="markers+text",
            text=["?" if doubt else "" for doubt in asked],
            textfont={"size": 12, "color": colours.ink},
            marker={
                "size": [17 if doubt else 10 for doubt in asked],
                "color": [colours.box if doubt else colours.lit for doubt in asked],
                "opacity": opacity,
                "line": {"color": colours.lit, "width": 1.5},
            },
            selected={"marker": {"opacity": opacity}},
            unselected={"marker": {"opacity": opacity}, "textfont": {"color": colours.ink}},
            customdata=[link.id for link in links],
            hovertext=[_hover(link, told) for link in links],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )


def _point_on(port: tuple[float, ...]) -> tuple[float, float]:
    """A point on the arrow where its mark is seen: the middle, or near the start when boxes lie in between."""
    x0, y0, x1, y1 = port
    t = 0.5 if x1 - x0 < 0.2 else 0.14
    bend = (x1 - x0) * 0.5
    x = (1 - t) ** 3 * x0 + 3 * (1 - t) ** 2 * t * (x0 + bend) + 3 * (1 - t) * t**2 * (x1 - bend) + t**3 * x1
    y = (1 - t) ** 3 * y0 + 3 * (1 - t) ** 2 * t * y0 + 3 * (1 - t) * t**2 * y1 + t**3 * y1
    return x, y


def _key_places(count: int) -> list[tuple[float, float]]:
    """Left ends of the key's samples: two rows of four below the map."""
    columns = (count + 1) // 2
    return [(0.01 + (position % columns) / columns, 1.045 + 0.04 * (position // columns)) for position in range(count)]


def _key_lines(levels: Sequence[EvidenceLevel], colours: Palette) -> list[dict]:
    return [
        {
            "type": "path",
            "path": f"M {x:.4f} {y:.4f} L {x + 0.035:.4f} {y:.4f}",
            "layer": "below",
            "line": {"color": colours.quiet_ink, "width": level.width, "dash": level.dash},
        }
        for level, (x, y) in zip(levels, _key_places(len(levels)), strict=True)
    ]


def _add_key_words(traces: list[dict], shown_map: MechanismMap, colours: Palette) -> None:
    places = _key_places(len(shown_map.levels))
    words = ["<br>".join(textwrap.wrap(getattr(level.label, shown_map.voice), 30)) for level in shown_map.levels]
    _add_words(traces, [(x + 0.042, y, text) for (x, y), text in zip(places, words, strict=True)], colours, 11)


def _add_words(traces: list[dict], placed: Sequence[tuple[float, float, str]], colours: Palette, size: int) -> None:
    """Quiet words, each with its left end at a place (x, y)."""
    traces.append(
        dict(
            type="scatter",
            x=[x for x, _, _ in placed],
            y=[y for _, y, _ in placed],
            text=[text for _, _, text in placed],
            mode="text",
            textposition="middle right",
            textfont={"size": size, "color": colours.quiet_ink},
            hoverinfo="skip",
            cliponaxis=False,
        )
    )


def _mark_colour(link: MapLink, colours: Palette) -> str:
    return colours.lit if link.lit else colours.faint


def _hover(link: MapLink, told: Told) -> str:
    words = link.story if told == "story" else f"{link.level}: {link.studies}"
    return "<br>".join(textwrap.wrap(words, 52))


def _add_factor_labels(
    traces: list[dict],
    factors: Sequence[MapFactor],
    places: Mapping[str, tuple[float, float]],
    colours: Palette,
) -> None:
    symbols = {"present": "circle", "absent": "circle-open", "not_tested": "circle-open-dot"}
    traces.append(
        dict(
            type="scatter",
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
            hovertext=[f"{factor.label}: {_STATE_WORDS[factor.state]}" for factor in factors],
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
        )
    )
    step = 1 / max(1, len(factors) + len({factor.region for factor in factors}))
    first_rows = {
        region: min(rows)
        for region in _REGIONS
        if (rows := [places[factor.id][1] for factor in factors if factor.region == region])
    }
    titles = [(0.0, row - step, f"<b>{_REGION_TITLES[region]}</b>") for region, row in first_rows.items()]
    _add_words(traces, titles, colours, 13)


def _short(label: str) -> str:
    """A label that fits its column: what stands in brackets goes, the rest is cut at a word."""
    return textwrap.shorten(without_brackets(label), _LONGEST_LABEL, placeholder="…")


def without_brackets(label: str) -> str:
    """The label without what stands in brackets."""
    return re.sub(r"\s*\([^)]*\)", "", label)


def _factor_words(factor: MapFactor) -> str:
    label = _short(factor.label)
    words = f"<b>{label}</b>" if factor.state == "present" and not factor.switched_off else label
    return f"<s>{words}</s>" if factor.switched_off else words


def _add_node_labels(
    traces: list[dict],
    nodes: Sequence[MapNode],
    places: Mapping[str, tuple[float, float]],
    colours: Palette,
) -> None:
    traces.append(
        dict(
            type="scatter",
            x=[places[node.id][0] for node in nodes],
            y=[places[node.id][1] for node in nodes],
            mode="text",
            text=["<br>".join(textwrap.wrap(node.label, 12 if node.stage == 4 else 17)) for node in nodes],
            textfont={"size": 13, "color": colours.ink},
            customdata=[node.id for node in nodes],
            hoverinfo="skip",
        )
    )


def _arrows(count: int) -> str:
    return f"{count} arrow{'' if count == 1 else 's'}"


def _sentence(shown_map: MechanismMap, links: Sequence[MapLink], told: Told) -> str:
    present = [factor.label for factor in shown_map.factors if factor.state == "present" and not factor.switched_off]
    if not present:
        return "Nothing is marked as present yet, so no arrow is lit."
    lit = [link for link in links if link.lit]
    names, many = ", ".join(present), len(present) > 1
    if shown_map.voice == "patient":
        lead = f"{len(present)} thing{'s' if many else ''} may play a part here: {names}."
    else:
        lead = f"{len(present)} factor{'s' if many else ''} present ({names}) light{'' if many else 's'} {_arrows(len(lit))}."
    if told == "story":
        return f"This is the story as clinics tell it. {lead} All arrows look alike, because a story does not say how sure it is."
    doubtful = sum(link.dash == "dot" for link in lit)
    disputed = sum(link.contested for link in lit)
    tail = f" Sources disagree on {_arrows(disputed)} (marked ?)." if disputed else ""
    if doubtful:
        tail += f" {_arrows(doubtful)} {'has' if doubtful == 1 else 'have'} no support in studies (dotted)."
    return f"This is what studies found. {lead}{tail}"


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
