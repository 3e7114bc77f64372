"""The leg's mechanics beside published results: the table of docs/validation.md, made from the knowledge base.

A row is *given* when the published figure is itself a constant of the model, so that agreement says nothing, and
*predicted* when it isn't. A row that the model does not reproduce says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kneewise.knowledge_base.models import KnowledgeBase, Provenance
from kneewise.leg.material import leg_constants, leg_spec
from kneewise.mechanics import Constants, evaluate
from kneewise.mechanics.patellofemoral import contact_area_mm2, mean_stress_mpa
from kneewise.mechanics.running import force_per_distance_ratio, peak_force_ratio


@dataclass(frozen=True)
class Check:
    """One comparison: what was published (with its source), what the model says, and what that means."""

    what: str
    published: str
    source: str
    model: str
    kind: str
    verdict: str


def checks(knowledge: KnowledgeBase) -> list[Check]:
    """Every comparison, in the order of the document."""
    constants = leg_constants(knowledge)
    return [
        *_areas(knowledge, constants),
        *_stress_of_one_force(knowledge, constants),
        *_steps(knowledge),
        *_trunk(knowledge, constants),
        *_femoral_rotation(knowledge, constants),
        *_alignment(knowledge, constants),
        *_foot(knowledge, constants),
        *_peaks(knowledge),
    ]


def as_markdown(rows: list[Check]) -> str:
    """The comparisons as a Markdown table."""
    lines = ["| What | Published | Source | Model | Kind | Verdict |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.published} | {row.source} | {row.model} | {row.kind} | {row.verdict} |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _areas(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    for flexion in constants.area_flexions_deg:
        for sex, share in (("men", 1.0), ("women", 0.0)):
            value = knowledge.entry(f"value.geometry_contact_area_{sex}_{flexion:g}")
            area = contact_area_mm2(flexion, share, constants)
            yield Check(
                f"Contact area at {flexion:g}°, {sex}",
                f"{value.value:g} mm²",
                _cited(knowledge, value),
                f"{area:.0f} mm²",
                "given",
                _same(area, value.value, 0.5),
            )


def _stress_of_one_force(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    force_n = knowledge.entry("value.geometry_stress_demonstration_force").value
    for flexion in (0, 60):
        value = knowledge.entry(f"value.geometry_stress_demonstration_men_{flexion}")
        stress = mean_stress_mpa(force_n, contact_area_mm2(flexion, 1.0, constants))
        yield Check(
            f"Mean stress of {force_n:g} N at {flexion}°, men",
            f"{value.value:g} MPa (worked out)",
            "force over area",
            f"{stress:.1f} MPa",
            "given",
            _same(stress, value.value, 0.05),
        )
    shoe = knowledge.entry("value.lever_shoe_conventional_stress")
    yield Check(
        "Absolute stress in running",
        f"{shoe.value:g} MPa in one laboratory, {knowledge.entry('value.lever_trunk_usual_stress').value:g} in another",
        f"{_cited(knowledge, shoe)}; {_cited(knowledge, knowledge.entry('value.lever_trunk_usual_stress'))}",
        "not offered",
        "predicted",
        "Not reproduced: contact areas under light load are not those of running, and laboratories differ by 1.6 times. "
        "So no MPa reaches the screen, only low to high.",
    )


def _steps(knowledge: KnowledgeBase) -> Iterator[Check]:
    rows: tuple[tuple[str, str, Callable[[float], float], float], ...] = (
        ("Step rate +10 %: peak force", "value.lever_step_rate_peak_force", peak_force_ratio, 1 / 1.1),
        ("Step length −10 %: stress per step", "value.lever_step_length_shorter_stress", peak_force_ratio, 0.9),
        ("Step length −10 %: per mile", "value.lever_step_length_shorter_per_mile", force_per_distance_ratio, 0.9),
        ("Step length +10 %: stress per step", "value.lever_step_length_longer_stress", peak_force_ratio, 1.1),
        ("Step length +10 %: per mile", "value.lever_step_length_longer_per_mile", force_per_distance_ratio, 1.1),
    )
    for what, entry_id, ratio, length in rows:
        value = knowledge.entry(entry_id)
        change = 100 * (ratio(length) - 1)
        yield Check(
            what,
            _percent(value.value),
            _cited(knowledge, value),
            _percent(change),
            "predicted",
            f"Direction and order of size, off by {abs(change - value.value):.0f} points; force stands for stress.",
        )


def _trunk(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    running = knowledge.entry("curve.running_knee").points
    bend = max(y for x, y in running if x < 40)  # the stance phase of the drawn stride
    usual_deg = knowledge.entry("value.lever_trunk_usual_angle").value
    usual = evaluate({"knee_flexion_deg": bend}, constants)["stress_bw_per_mm2"]
    for name in ("flexed", "extended"):
        angle = knowledge.entry(f"value.lever_trunk_{name}_angle").value
        value = knowledge.entry(f"value.lever_trunk_{name}_change")
        lean = {"knee_flexion_deg": bend, "trunk_lean_deg": angle - usual_deg}
        change = 100 * (evaluate(lean, constants)["stress_bw_per_mm2"] / usual - 1)
        yield Check(
            f"Trunk lean {usual_deg:g}° → {angle:g}°, running: stress",
            _percent(value.value),
            _cited(knowledge, value),
            f"{_percent(change)} (standing still at {bend:g}°)",
            "predicted",
            "Direction only. Standing still, the whole weight follows the trunk; in a stride most of the force does not. "
            "The leg is not used to say how much.",
        )


def _femoral_rotation(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    rotation = knowledge.entry("evidence.femoral_anteversion_high_liao15")
    for flexion in (15, 45):
        outer = [
            evaluate({"knee_flexion_deg": flexion, "hip_rotation_deg": turned}, constants)["shift"]
            for turned in (0, 5, 10)
        ]
        yield Check(
            f"Femur turned in by 5° and 10° at {flexion}°: stress",
            "up at 5° and at 10°; no further rise from 5° to 10°",
            _cited(knowledge, rotation),
            f"outer share up: shift {outer[0]:.2f}, {outer[1]:.2f}, {outer[2]:.2f}",
            "predicted",
            "Direction reproduced. The model goes on rising from 5° to 10° (it flattens later); the finite-element study "
            "did not.",
        )
    low = knowledge.entry("evidence.femoral_anteversion_low_kssta19")
    before = evaluate({"knee_flexion_deg": 30, "femoral_version_deg": 25}, constants)
    after = evaluate({"knee_flexion_deg": 30, "femoral_version_deg": 5}, constants)
    yield Check(
        "Version reduced from 25° to 5°: sides",
        "medial pressure up, lateral not changed significantly",
        _cited(knowledge, low),
        f"inner side {before['inside']:.2f} → {after['inside']:.2f}, outer {before['outside']:.2f} → {after['outside']:.2f}",
        "predicted",
        "Inner side reproduced. The outer side falls in the model, by its construction; it did not in the cadavers.",
    )


def _alignment(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    typical = evaluate({}, constants)["q_angle_frontal_deg"]
    values = [
        knowledge.entry(f"value.geometry_q_angle_{sex}_{side}")
        for sex in ("men", "women")
        for side in ("left", "right")
    ]
    means = [value.value for value in values]
    yield Check(
        "Frontal Q angle, typical leg standing",
        f"means {min(means):g}° to {max(means):g}°",
        _cited(knowledge, values[0]),
        f"{typical:.1f}°",
        "predicted",
        "Within the published means." if min(means) <= typical <= max(means) else "Outside the published means.",
    )
    changes = {
        name: evaluate({name: at + 5}, constants)["q_angle_frontal_deg"] - typical
        for name, at in (
            ("tibiofemoral_angle_deg", 0.0),
            ("femoral_version_deg", constants.version_drawn_deg),
            ("rearfoot_eversion_deg", constants.eversion_typical_deg),
        )
    }
    yield Check(
        "What goes with the Q angle",
        "tibiofemoral angle and anteversion do, navicular drop does not independently",
        knowledge.entry("source.nguyen09").citation,
        "5° more changes it by "
        + ", ".join(f"{change:+.1f}°" for change in changes.values())
        + " (valgus, version, eversion)",
        "predicted",
        "Order reproduced: the foot changes it least.",
    )
    mri = evaluate({"rearfoot_eversion_deg": 16, "thigh_follows": 0}, constants)["q_angle_frontal_deg"]
    yield Check(
        "Shin turning in alone",
        "Q angle falls (recalled)",
        "awaiting verification",
        f"{typical:.1f}° → {mri:.1f}°",
        "predicted",
        "Direction reproduced; with the thigh following, it rises. Both stories can be set on the leg.",
    )


def _foot(knowledge: KnowledgeBase, constants: Constants) -> Iterator[Check]:
    def value(name: str) -> float:
        return knowledge.entry(f"value.lever_orthosis_{name}").value

    eversion = value("eversion_without") - value("eversion_with")
    tibia = value("tibia_without") - value("tibia_with")
    predicted = eversion * constants.tibia_per_eversion
    yield Check(
        "Orthosis in running: fall of tibial rotation",
        f"{tibia:.2f}° for {eversion:.2f}° less eversion",
        _cited(knowledge, knowledge.entry("value.lever_orthosis_tibia_with")),
        f"{predicted:.2f}°",
        "predicted",
        "Not reproduced: the coupling of standing and cadaver feet gives less than half.",
    )


def _peaks(knowledge: KnowledgeBase) -> Iterator[Check]:
    for movement, data in zip(knowledge.leg.movements, leg_spec(knowledge, "clinician")["movements"], strict=True):
        if movement.force is None:
            continue
        value = knowledge.entry(movement.force)
        peak = max(data["curves"]["force_profile"][1]) * data["fixed"]["force_given_bw"]
        yield Check(
            f"Peak force, {movement.label.clinician.lower()}",
            f"{value.value:g} (SD {value.sd:g}) × body weight",
            _cited(knowledge, value),
            f"{peak:.2f} × body weight",
            "given",
            _same(peak, value.value, value.value / 100),
        )
    squat = knowledge.entry("value.load_single_leg_decline_squat")
    deep = evaluate({"knee_flexion_deg": 90}, leg_constants(knowledge), weight_share=1.0)["force_bw"]
    yield Check(
        "Single-leg decline squat, peak force",
        f"{squat.value:g} × body weight",
        _cited(knowledge, squat),
        f"{deep:.1f} × body weight at 90° on one leg, standing still, upright foot",
        "predicted",
        "Not reproduced: another task (a slope, an upright trunk, movement) and another model. Squat figures vary too "
        "much to be pooled, and none is shown.",
    )


def _same(model: float, published: float, within: float) -> str:
    return "As published." if abs(model - published) <= within else "Not as published."


def _percent(number: float) -> str:
    return f"{number:+.1f} %".replace("-", "−")


def _cited(knowledge: KnowledgeBase, entry: Provenance) -> str:
    cited = [knowledge.entry(source).citation for source in entry.sources]
    return "; ".join(cited) or "worked out from published figures"
