"""What the leg draws and says, from the knowledge base: one dictionary of plain data for the browser."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kneewise.knowledge_base.models import KnowledgeBase, LegFactor, LegInput, LegMovement
from kneewise.leg.bundle import shapes_path
from kneewise.leg.sentence import describe
from kneewise.leg.values import clamped
from kneewise.mechanics import Constants, MechanicsError, constants_of, evaluate, mechanics_graph
from kneewise.mechanics.graph import table
from kneewise.mechanics.leg import CONTEXT, PARTS
from kneewise.reasoning.paths import link_level

Voice = Literal["clinician", "patient"]
Told = Literal["story", "studies"]
Sex = Literal["female", "male"] | None
SIDES = ("left", "right")
WITHOUT_SUPPORT = ("level.not_found", "level.no_study")
"""Levels of evidence at which an arrow counts as not supported: studies found nothing, or nobody looked."""

_MEN_SHARE = {"female": 0.0, "male": 1.0}
_MOMENTS = 50  # steps per movement, 2 % each: a smooth curve through the points of the knowledge base
_STANDING_FROM = 0.08  # share of the peak force from which the leg carries weight in a movement


def leg_constants(knowledge: KnowledgeBase) -> Constants:
    """The constants of the mechanics in this knowledge base; raises MechanicsError with the id of a missing one."""
    return constants_of(
        lambda entry_id: knowledge.entry(entry_id).value,
        lambda entry_id: tuple(zip(*knowledge.entry(entry_id).points, strict=True)),
    )


def leg_spec(knowledge: KnowledgeBase, voice: Voice, sex: Sex = None) -> dict[str, Any]:
    """The mechanics, sliders and movements as data: what `createModel` in the browser takes.

    `sex` chooses the published contact areas; where it isn't stated, the picture stands halfway between them.
    """
    constants = leg_constants(knowledge)
    return {
        "graph": mechanics_graph(constants).to_data(),
        "context": {**CONTEXT, "men_share": _MEN_SHARE.get(sex, constants.men_share_unstated)},
        "inputs": leg_sliders(knowledge, voice),
        "movements": [_movement(each, knowledge, voice) for each in knowledge.leg.movements],
    }


def leg_base(knowledge: KnowledgeBase, voice: Voice, sex: Sex = None) -> dict[str, Any]:
    """What the leg needs whoever the patient is: mechanics, words, labels, groups. May be remembered.

    The clinician's leg brings the patient's words along (`plain`), because full screen is turned towards the patient.
    """
    shapes = shapes_path()
    base = {
        "spec": leg_spec(knowledge, voice, sex),
        "unsupported_inputs": unsupported_inputs(knowledge),
        "shapes_file": shapes.name if shapes else "",
        **_said(knowledge, voice),
    }
    if voice == "clinician":
        base["plain"] = {
            "inputs": leg_sliders(knowledge, "patient"),
            "movements": [each.label.patient for each in knowledge.leg.movements],
            **_said(knowledge, "patient"),
        }
    return base


def _said(knowledge: KnowledgeBase, voice: Voice) -> dict[str, Any]:
    return {
        "voice": voice,
        "factors": [_factor(each, knowledge, voice) for each in knowledge.leg.factors],
        "words": leg_words(knowledge, voice),
        "groups": _groups(knowledge, voice),
        "labels": [
            {
                "id": each.id,
                "anchor": each.anchor,
                "text": getattr(each.label, voice),
                "plain": each.label.patient,  # for the plan, which speaks to the patient
                "views": list(each.views),
                "clinician_only": each.clinician_only,
            }
            for each in knowledge.leg.labels
        ],
    }


def leg_data(
    told: Told,
    present: Iterable[str],
    values: Mapping[str, float],
    *,
    side: str = "left",
    view: str = "front",
    rev: str = "",
    reset_to: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What the leg needs for one patient, on top of `leg_base(...)`: small, because it is sent with every what-if.

    Parameters
    ----------
    told
        Whether arrows without support are drawn faded ("studies") or like the others ("story").
    present
        Ids of the factors that are present (found, or switched on for a what-if).
    values
        Where the sliders stand at first: `values_for(...)`, or where they stood when this leg was last seen.
    rev
        Changes when the sliders are to be set anew: another set of factors, another patient.
    reset_to
        Where the reset button puts the sliders; without it, to `values`.
    """
    return {
        "told": told,
        "factors_on": sorted(present),
        "values": dict(values),
        "start": dict(values if reset_to is None else reset_to),
        "rev": rev,
        "side": side,
        "view": view,
    }


def leg_sliders(knowledge: KnowledgeBase, voice: Voice) -> list[dict[str, Any]]:
    """The sliders in the words of one voice: id, unit, range, step, typical value, names of both ends."""
    return [_slider(each, voice) for each in knowledge.leg.inputs]


def leg_words(knowledge: KnowledgeBase, voice: Voice) -> dict[str, str]:
    """The words of the leg by their short name."""
    return {_short(each.id): getattr(each.text, voice) for each in knowledge.leg.words}


def values_for(knowledge: KnowledgeBase, present: Iterable[str]) -> dict[str, float]:
    """Where the sliders stand at first: {input: value}. Of two factors that move one slider, the further one counts."""
    present = set(present)
    neutral = {each.id: each.neutral for each in knowledge.leg.inputs}
    values = {_short(move.input): move.to for move in knowledge.leg.start}
    for shown in knowledge.leg.factors:
        if shown.factor not in present:
            continue
        for move in shown.moves:
            name = _short(move.input)
            if abs(move.to - neutral[move.input]) > abs(values.get(name, neutral[move.input]) - neutral[move.input]):
                values[name] = move.to
    return values


def unsupported_inputs(knowledge: KnowledgeBase) -> list[str]:
    """The sliders whose way to the kneecap holds an arrow that studies do not support."""
    return [_short(each.id) for each in knowledge.leg.inputs if not _supported(each, knowledge)]


@dataclass(frozen=True)
class WorkedOut:
    """A leg in one posture: where the sliders stand, the results of the mechanics, what is seen, what was clamped."""

    values: dict[str, float]
    out: dict[str, float]
    sentence: str
    notes: tuple[str, ...]


def work_out(
    given: Mapping[str, float], knowledge: KnowledgeBase, *, voice: Voice = "clinician", told: Told = "studies"
) -> WorkedOut:
    """The leg for these sliders; what isn't given is typical.

    A value outside its range, or one that is no finite number, is brought into it and said in `notes`. Raises
    MechanicsError for a slider that doesn't exist.
    """
    sliders = leg_sliders(knowledge, voice)
    unknown = sorted(set(given) - {each["id"] for each in sliders})
    if unknown:
        names = ", ".join(each["id"] for each in sliders)
        raise MechanicsError(f"The leg has no slider “{unknown[0]}”; it has {names}.")
    held, notes = clamped(given, sliders)
    values = {each["id"]: held.get(each["id"], each["neutral"]) for each in sliders}
    results = evaluate(values, leg_constants(knowledge))
    out = {name: each for name, each in results.items() if not _is_place(name)}
    out["knee_flexion_deg"] = values["knee_flexion_deg"]
    faded = is_faded(values, knowledge, told)
    return WorkedOut(values, out, describe(sliders, values, out, leg_words(knowledge, voice), faded), notes)


def angles_from_words(words: Iterable[str]) -> dict[str, float]:
    """{"knee_flexion_deg": 60.0} from "knee_flexion_deg=60"; raises MechanicsError for anything else."""
    angles = {}
    for word in words:
        name, sign, number = word.partition("=")
        try:
            angles[name] = float(number)
        except ValueError:
            sign = ""
        if not sign:
            raise MechanicsError("Write each angle as NAME=NUMBER, such as knee_flexion_deg=60.")
    return angles


def is_faded(values: Mapping[str, float], knowledge: KnowledgeBase, told: Told) -> bool:
    """Whether all that sets the leg apart at the kneecap comes from sliders whose way there studies do not support.

    Bend and lean are the same in the typical leg beside it, so they don't count.
    """
    moved = {
        _short(each.id)
        for each in knowledge.leg.inputs
        if each.group != "bend" and abs(values.get(_short(each.id), each.neutral) - each.neutral) >= each.step / 2
    }
    return told == "studies" and bool(moved) and moved <= set(unsupported_inputs(knowledge))


def movement_at(movement: LegMovement, knowledge: KnowledgeBase, phase: float) -> dict[str, float]:
    """What a movement gives the mechanics at `phase` (0..1 of the cycle): knee bend, context inputs, force."""
    data = _movement(movement, knowledge, "clinician")
    read = {name: table(phase % 1 * 100, *points) for name, points in data["curves"].items()}
    profile = read.pop("force_profile", None)
    given = {**data["fixed"], **read}
    if profile is not None:
        given["force_given_bw"] = profile * data["fixed"]["force_given_bw"]
    return given


def _is_place(name: str) -> bool:
    return name.startswith(tuple(f"{part}_" for part in PARTS)) and name.split("_")[1] in (
        *"xyz",
        *(f"r{n}" for n in range(9)),
    )


def _supported(leg_input: LegInput, knowledge: KnowledgeBase) -> bool:
    levels = {link_level(knowledge.entry(link), knowledge.mechanisms).id for link in leg_input.links}
    return not levels & set(WITHOUT_SUPPORT)


def _slider(leg_input: LegInput, voice: Voice) -> dict[str, Any]:
    return {
        "id": _short(leg_input.id),
        "unit": "" if leg_input.unit == "fraction" else leg_input.unit,
        "minimum": leg_input.minimum,
        "maximum": leg_input.maximum,
        "step": leg_input.step,
        "neutral": leg_input.neutral,
        "label": getattr(leg_input.label, voice),
        "low": getattr(leg_input.low, voice),
        "high": getattr(leg_input.high, voice),
        "seen_low": getattr(leg_input.seen_low, voice),
        "seen_high": getattr(leg_input.seen_high, voice),
    }


def _factor(shown: LegFactor, knowledge: KnowledgeBase, voice: Voice) -> dict[str, Any]:
    factor = knowledge.entry(shown.factor)
    return {
        "id": shown.factor,
        "label": getattr(factor.label, voice),
        "moves": {_short(move.input): move.to for move in shown.moves},
        "what_moves": getattr(shown.what_moves, voice),
        "how_sure": getattr(factor.verdict, voice),
        "what_helps": getattr(factor.helps, voice),
        "supported": all(_supported(knowledge.entry(move.input), knowledge) for move in shown.moves),
    }


def _groups(knowledge: KnowledgeBase, voice: Voice) -> list[dict[str, Any]]:
    words = leg_words(knowledge, voice)
    groups: dict[str, list[str]] = {}
    for each in knowledge.leg.inputs:
        if voice == "clinician" or not each.clinician_only:
            groups.setdefault(each.group, []).append(_short(each.id))
    return [{"id": group, "label": words[f"group_{group}"], "inputs": inputs} for group, inputs in groups.items()]


def _movement(movement: LegMovement, knowledge: KnowledgeBase, voice: Voice) -> dict[str, Any]:
    # Takes 0.3 s: imported by whoever asks for a movement, so that the start of the app need not wait for it.
    from scipy.interpolate import PchipInterpolator

    shares = [100 * step / _MOMENTS for step in range(_MOMENTS + 1)]
    curves = {}
    for curve in movement.curves:
        xs, ys = zip(*curve.points, strict=True)
        smooth = PchipInterpolator(xs, ys)
        curves[curve.input] = [shares, [round(float(smooth(share)), 3) for share in shares]]
    fixed: dict[str, float] = {"weight_share": movement.weight_share}
    if movement.force:
        fixed |= {"force_given_bw": knowledge.entry(movement.force).value, "force_is_given": 1.0}
    if "thigh_flexion_deg" in curves:
        numbers = tuple((name, tuple(points[1])) for name, points in curves.items())
        fixed |= {"moving": 1.0, **_hip_path(numbers, movement.on_stairs, leg_constants(knowledge))}
    return {
        "id": _short(movement.id),
        "label": getattr(movement.label, voice),
        "seconds": movement.seconds,
        "curves": curves,
        "fixed": fixed,
    }


@functools.lru_cache(maxsize=32)  # fifty legs are worked out for it, and both voices need it
def _hip_path(
    curves: tuple[tuple[str, tuple[float, ...]], ...], on_stairs: bool, constants: Constants
) -> dict[str, float]:
    """Where the hip goes. On stairs it stays and the step moves; else it rises over the standing leg, and in the air
    it stays as high as it was at its lowest with weight on the leg, so that the bent leg leaves the floor."""
    heights, standing = [], []
    for step in range(_MOMENTS + 1):
        given = {name: numbers[step] for name, numbers in curves}
        weight = given.pop("force_profile")
        posture = {"knee_flexion_deg": given.pop("knee_flexion_deg")}
        height = -evaluate(posture, constants, moving=1.0, hip_held=1.0, **given)["support_y"]
        heights.append(height)
        if weight >= _STANDING_FROM:
            standing.append(height)
    if on_stairs:
        return {"hip_held": 1.0, "hip_height_cm": max(heights)}
    return {"hip_height_cm": min(standing)}


def _short(entry_id: str) -> str:
    return entry_id.split(".", 1)[1]
