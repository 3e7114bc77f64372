"""The leg: from angles to the place of every bone, and to what the kneecap joint takes.

The left leg in centimetres: x outwards, y up, z forwards; the right leg is its mirror image, made when it is drawn.
The chain runs from the foot upwards, because in standing the foot stays and the knee moves:

1. The foot stands. When it rolls in, or when the shin is built turned out, the shin turns in over it by a share.
2. The thigh turns with its version (so that the head stays seated), with the hip, and, as far as `thigh_follows` says,
   with the shin. The knee lets thigh and shin differ by a bounded angle; what is left turns the foot.
3. The knee bends in the plane in which the thigh points. Standing still, the shin leans so far that the body's weight
   stays over the middle of the foot; in a movement the thigh's angle is given instead.
4. The angle in the front plane (built, or from hip and pelvis) is shared so that the hip stays over the foot.

An illustration of mechanisms: directions are what sources say or what geometry gives, sizes that nobody measured are
`proposed` constants in `knowledge/leg.yaml`. Nothing here measures a person.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

from kneewise.mechanics.constants import Constants, MechanicsError
from kneewise.mechanics.graph import Graph, Number, asin, atan2, cos, maximum, sin, sqrt, table, tanh, trace
from kneewise.mechanics.patellofemoral import (
    MM_PER_CM,
    contact_area_mm2,
    force_ratio,
    held_within,
    level,
    side_shift,
    static_force_bw,
)
from kneewise.mechanics.space import (
    Matrix,
    Point,
    about_x,
    about_y,
    about_z,
    after,
    back,
    minus,
    plus,
    turn,
)

POSTURE = (
    "knee_flexion_deg",
    "trunk_lean_deg",
    "pelvic_drop_deg",
    "femoral_version_deg",
    "hip_rotation_deg",
    "hip_adduction_deg",
    "tibiofemoral_angle_deg",
    "tibial_torsion_deg",
    "rearfoot_eversion_deg",
    "thigh_follows",
)
"""What a person can set: angles in degrees (inwards positive, except that torsion and version count as clinics count
them, and pelvic drop is of the other side), and the share by which the thigh follows the shin (0 to 1)."""

CONTEXT = {
    "weight_share": 0.5,  # of body weight on this leg
    "men_share": 0.5,  # 0 women's contact areas, 1 men's, halfway where sex isn't stated
    "moving": 0.0,  # 0 standing still (the shin leans for balance), 1 in a movement (thigh, foot, trunk are given)
    "thigh_flexion_deg": 0.0,  # thigh ahead of the vertical, in a movement
    "foot_pitch_deg": 0.0,  # heel up positive, in a movement
    "trunk_given_deg": 0.0,  # trunk ahead of the vertical, in a movement
    "hip_height_cm": 0.0,  # the least height of the hip in a movement; the foot leaves the floor when the leg is shorter
    "hip_held": 0.0,  # 1: the hip stays at that height (on stairs the step moves instead)
    "force_given_bw": 0.0,  # in a movement with a published peak: the force of this moment
    "force_is_given": 0.0,
}
"""Inputs that no slider sets, with the value they have while somebody stands still on both legs."""

INPUTS = (*POSTURE, *CONTEXT)
PARTS = ("pelvis", "trunk", "femur", "tibia", "patella", "foot")


_TRACK_FLEXIONS_DEG = (30.0, 90.0)  # where the patella's shift and tilt were measured (value.geometry_patellar_*)

# Landmarks of the drawn bones, in cm, each in the frame of its bone. They are the drawing's own shape
# (kneewise/leg/shapes builds the bones around them), not measurements.
HEAD_BEHIND_SHAFT: Point = (-4.2, 0.0, 1.1)  # from the axis of the upper shaft to the head, at the drawn version
SHAFT_AXIS: Point = (4.2, 43.0, -1.1)
ASIS: Point = (3.0, 8.5, 4.5)
TRUNK_BASE: Point = (-8.8, 10.5, -4.5)
TUBERCLE_DOWN_FORWARD = (-5.5, 3.1)


def typical_posture(constants: Constants) -> dict[str, float]:
    """The posture of the typical leg, standing straight: what the ghost shows."""
    return {
        **dict.fromkeys(POSTURE, 0.0),
        "femoral_version_deg": constants.version_drawn_deg,
        "tibial_torsion_deg": constants.torsion_typical_deg,
        "rearfoot_eversion_deg": constants.eversion_typical_deg,
        "thigh_follows": 1.0,
    }


def leg_mechanics(given: Mapping[str, Number], constants: Constants) -> dict[str, Number]:
    """Everything about one leg in one posture.

    Parameters
    ----------
    given
        Every name of `INPUTS`; numbers, or symbols to write the formulas down.

    Returns
    -------
    dict
        `<part>_r0..8` (rotation, row by row) and `<part>_x/_y/_z` (origin, cm) for each of `PARTS`; `twist_femur`,
        `twist_tibia` (rad); `arch` (0 typical, 1 marked drop); `support_y` (cm, top of what the foot stands on) and the
        results: angles in degrees, `force_bw` (body weights), `area_mm2`, `stress_bw_per_mm2`, `level`, `outside`,
        `inside` (0..1 scales), `shift` (-1..1), `patella_shift_mm`, `patella_tilt_deg`, `knee_in_cm`.
    """
    posture = {name: given[name] for name in POSTURE}
    context = {name: given[name] for name in CONTEXT}
    flexion = posture["knee_flexion_deg"]
    pose = _pose(posture, context, constants)
    typical = {**typical_posture(constants), "knee_flexion_deg": flexion, "trunk_lean_deg": posture["trunk_lean_deg"]}
    usual = _pose(typical, context, constants)

    ratio = force_ratio(flexion, constants)
    q_3d = _angle_of_pull(pose, constants)
    shift = side_shift(sin(q_3d) / ratio, sin(_angle_of_pull(usual, constants)) / ratio, constants)
    standing = static_force_bw(flexion, pose["moment_arm_cm"], context["weight_share"], constants)
    force = standing + (context["force_given_bw"] - standing) * context["force_is_given"]
    area = contact_area_mm2(flexion, context["men_share"], constants)
    stress = force / area

    shift_mm = _along_track(flexion, constants.shift_30_mm, constants.shift_90_mm)
    shift_mm = shift_mm + shift * constants.patella_shift_drawn_mm
    tilt_deg = _along_track(flexion, constants.tilt_30_deg, constants.tilt_90_deg)
    tilt_deg = tilt_deg + shift * constants.patella_tilt_drawn_deg
    patella = after(pose["femur_R"], about_x(_rad(flexion * constants.patella_per_flexion)), about_y(_rad(tilt_deg)))
    at = plus(pose["femur_t"], turn(pose["femur_R"], _patella_in_femur(flexion, shift_mm / MM_PER_CM, constants)))

    asis, knee, tubercle = pose["asis"], pose["tibia_t"], pose["tubercle"]
    centre = plus(pose["femur_t"], turn(pose["femur_R"], _patella_in_femur(flexion, 0.0, constants)))
    q_front = atan2(asis[0] - centre[0], asis[1] - centre[1]) + atan2(tubercle[0] - centre[0], centre[1] - tubercle[1])
    out: dict[str, Number] = {
        "twist_femur": pose["twist_femur"],
        "twist_tibia": pose["twist_tibia"],
        "arch": pose["arch"],
        "support_y": pose["support_y"],
        "q_angle_frontal_deg": _deg(q_front),
        "q_angle_3d_deg": _deg(q_3d),
        "knee_valgus_deg": pose["valgus_deg"],
        "knee_turned_in_deg": pose["knee_in_deg"],
        "knee_in_cm": -(knee[0] - usual["tibia_t"][0]),
        "foot_out_deg": pose["foot_out_deg"],
        "force_bw": force,
        "area_mm2": area,
        "stress_bw_per_mm2": stress,
        "shift": shift,
        "level": level(stress, constants),
        "outside": level(stress * (shift + 1.0), constants),
        "inside": level(stress * (1.0 - shift), constants),
        "patella_shift_mm": shift_mm,
        "patella_tilt_deg": tilt_deg,
    }
    frames: dict[str, tuple[Matrix, Point]] = {
        "pelvis": (pose["pelvis_R"], pose["hip"]),
        "trunk": (pose["trunk_R"], plus(pose["hip"], turn(pose["pelvis_R"], TRUNK_BASE))),
        "femur": (pose["femur_R"], pose["femur_t"]),
        "tibia": (pose["tibia_R"], pose["tibia_t"]),
        "patella": (patella, at),
        "foot": (pose["foot_R"], pose["foot_t"]),
    }
    for part, (matrix, origin) in frames.items():
        out.update({f"{part}_r{position}": each for position, each in enumerate(matrix)})
        out.update({f"{part}_{axis}": each for axis, each in zip("xyz", origin, strict=True)})
    return out


def evaluate(posture: Mapping[str, float], constants: Constants, **context: float) -> dict[str, float]:
    """`leg_mechanics` for numbers: what isn't given in `posture` is typical, what isn't in `context` is standing still.

    Raises MechanicsError for an unknown name or a value that is not a finite number.
    """
    unknown = (set(posture) - set(POSTURE)) | (set(context) - set(CONTEXT))
    if unknown:
        raise MechanicsError(f"The leg has no input called “{min(unknown)}”.")
    given = {**typical_posture(constants), **posture, **CONTEXT, **context}
    for name, number in given.items():
        if not math.isfinite(number):
            raise MechanicsError(f"The input “{name}” of the leg must be a finite number.")
    return leg_mechanics({name: float(number) for name, number in given.items()}, constants)


@functools.lru_cache(maxsize=4)
def mechanics_graph(constants: Constants) -> Graph:
    """`leg_mechanics` written down as data, with these constants in it."""
    return trace(lambda symbols: leg_mechanics(symbols, constants), INPUTS)


def mirrored(frame: tuple[Sequence[float], Sequence[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The frame (rotation, origin) of the same part of the right leg: mirrored at the plane between the legs."""
    matrix, origin = frame
    signs = (-1.0, 1.0, 1.0)
    return (
        tuple(matrix[3 * row + column] * signs[row] * signs[column] for row in range(3) for column in range(3)),
        (-origin[0], origin[1], origin[2]),
    )


def _pose(posture: Mapping[str, Number], context: Mapping[str, Number], constants: Constants) -> dict[str, Number]:
    flexion = posture["knee_flexion_deg"]
    eversion = posture["rearfoot_eversion_deg"] - constants.eversion_typical_deg
    torsion = posture["tibial_torsion_deg"] - constants.torsion_typical_deg
    version = posture["femoral_version_deg"] - constants.version_drawn_deg

    # Turned in about the long axis: shin over the foot, thigh under the pelvis, and what the knee allows between them.
    shin_in = eversion * constants.tibia_per_eversion + torsion * constants.shin_per_torsion
    thigh_in = version + posture["hip_rotation_deg"] + shin_in * posture["thigh_follows"]
    limit = constants.knee_rotation_limit_deg
    shin_out_of_thigh = tanh((thigh_in - shin_in) / limit) * limit
    foot_out = (
        constants.foot_out_deg - (thigh_in - shin_out_of_thigh) + torsion + eversion * constants.tibia_per_eversion
    )

    # In the front plane: knees in positive, shared between thigh and shin so that the hip stays over the foot.
    valgus = (
        posture["tibiofemoral_angle_deg"]
        + posture["hip_adduction_deg"] * constants.valgus_per_adduction
        + posture["pelvic_drop_deg"] * constants.valgus_per_pelvic_drop
    )
    shin_share = constants.thigh_cm / (constants.thigh_cm + constants.shank_cm)

    # In the side plane. Standing still, the upper body leans with the bend, and the shin leans until the weight is
    # over the middle of the foot: shank sin(a) - thigh sin(flexion - a) = middle of foot - lever sin(lean).
    moving = context["moving"]
    lean_deg = table(flexion, *constants.trunk_lean_deg) + posture["trunk_lean_deg"]
    lean_deg = lean_deg + (context["trunk_given_deg"] + posture["trunk_lean_deg"] - lean_deg) * moving
    bend = _rad(flexion)
    reach_y = cos(bend) * constants.thigh_cm + constants.shank_cm
    reach_z = sin(bend) * constants.thigh_cm
    reach = sqrt(reach_y * reach_y + reach_z * reach_z)
    offset = constants.foot_middle_cm - sin(_rad(lean_deg)) * constants.upper_body_lever_cm
    balanced = atan2(reach_z, reach_y) + asin(offset / maximum(reach, 1.0))
    shin_lean = balanced + (_rad(flexion - context["thigh_flexion_deg"]) - balanced) * moving
    moment_arm = sin(shin_lean) * constants.shank_cm - constants.foot_middle_cm

    knee_plane = about_y(-_rad(thigh_in))
    tibia = after(knee_plane, about_z(_rad(valgus * shin_share)), about_x(shin_lean), about_y(_rad(shin_out_of_thigh)))
    femur = after(knee_plane, about_z(-_rad(valgus * (1 - shin_share))), about_x(shin_lean - bend))
    pelvis = after(about_z(_rad(posture["pelvic_drop_deg"])), about_x(_rad(lean_deg * constants.pelvis_per_trunk)))
    trunk = after(about_z(_rad(posture["pelvic_drop_deg"] * constants.pelvis_per_trunk)), about_x(_rad(lean_deg)))

    pitch = _rad(context["foot_pitch_deg"] * moving)
    foot = after(about_y(_rad(foot_out)), about_x(pitch))
    arch = eversion / constants.arch_full_eversion_deg
    standing_height = cos(pitch) * constants.ankle_height_cm + maximum(
        sin(pitch) * constants.push_off_cm, -sin(pitch) * constants.heel_back_cm
    )
    ankle_to_knee = turn(tibia, (0.0, constants.shank_cm, 0.0))
    head = plus(SHAFT_AXIS, turn(about_y(_rad(version)), HEAD_BEHIND_SHAFT))
    head = (head[0], constants.thigh_cm, head[2])
    knee_to_hip = turn(femur, head)
    leg_height = ankle_to_knee[1] + knee_to_hip[1]
    off_floor = context["hip_height_cm"] - leg_height - standing_height
    off_floor = maximum(off_floor, 0.0) + (off_floor - maximum(off_floor, 0.0)) * context["hip_held"]
    off_floor = off_floor * moving
    ankle = (
        -(arch * constants.ankle_in_per_arch_cm),
        standing_height + off_floor - held_within(arch, -1.0, 2.0) * constants.ankle_down_per_arch_cm,
        -((ankle_to_knee[2] + knee_to_hip[2]) * moving),
    )
    knee = plus(ankle, ankle_to_knee)
    hip = plus(knee, knee_to_hip)
    down, forward = TUBERCLE_DOWN_FORWARD
    return {
        "pelvis_R": pelvis,
        "trunk_R": trunk,
        "femur_R": femur,
        "tibia_R": tibia,
        "foot_R": foot,
        "femur_t": knee,
        "tibia_t": knee,
        "foot_t": ankle,
        "hip": hip,
        "asis": plus(hip, turn(pelvis, ASIS)),
        "tubercle": plus(knee, turn(tibia, (constants.tubercle_out_mm / MM_PER_CM, down, forward))),
        "twist_femur": _rad(version),
        "twist_tibia": _rad(torsion),
        "arch": arch,
        "support_y": off_floor * context["hip_held"],
        "moment_arm_cm": moment_arm,
        "valgus_deg": valgus,
        "knee_in_deg": thigh_in,
        "foot_out_deg": foot_out,
        "flexion_deg": flexion,
    }


def _patella_in_femur(flexion_deg: Number, outwards_cm: Number, constants: Constants) -> Point:
    angle = _rad(constants.patella_start_deg - constants.patella_per_flexion * flexion_deg)
    radius = table(flexion_deg, *constants.patella_radius_cm)
    return (outwards_cm, sin(angle) * radius, cos(angle) * radius)


def _angle_of_pull(pose: Mapping[str, Number], constants: Constants) -> Number:
    """The quadriceps angle within the plane of the kneecap, rad: bending doesn't count, only sideways pull does."""
    into_femur = back(pose["femur_R"])
    patella = _patella_in_femur(pose["flexion_deg"], 0.0, constants)
    angle = _rad(constants.patella_start_deg - constants.patella_per_flexion * pose["flexion_deg"])
    up = (0.0, cos(angle), -sin(angle))
    to_asis = minus(turn(into_femur, minus(pose["asis"], pose["femur_t"])), patella)
    to_tubercle = minus(turn(into_femur, minus(pose["tubercle"], pose["femur_t"])), patella)
    along_asis = to_asis[1] * up[1] + to_asis[2] * up[2]
    along_tubercle = to_tubercle[1] * up[1] + to_tubercle[2] * up[2]
    return atan2(to_asis[0], along_asis) + atan2(to_tubercle[0], -along_tubercle)


def _along_track(flexion_deg: Number, at_30: float, at_90: float) -> Number:
    """A measure of the patella's track between the two bends at which it was published; held outside them."""
    return table(flexion_deg, _TRACK_FLEXIONS_DEG, (at_30, at_90))


def _rad(angle_deg: Number) -> Number:
    return angle_deg * (math.pi / 180)


def _deg(angle_rad: Number) -> Number:
    return angle_rad * (180 / math.pi)
