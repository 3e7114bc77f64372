"""The numbers of the leg's mechanics by name, filled from `knowledge/` and checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from kneewise.errors import KneewiseError


class MechanicsError(KneewiseError):
    """A constant of the leg is missing or out of range."""


@dataclass(frozen=True)
class Constants:
    """Every number of the model, by name; units in the names. Filled from `knowledge/` by `constants_of`."""

    shank_cm: float
    thigh_cm: float
    ankle_height_cm: float
    heel_back_cm: float
    push_off_cm: float
    foot_middle_cm: float
    upper_body_lever_cm: float
    pelvis_per_trunk: float
    moment_arm_rounding_cm: float
    foot_out_deg: float
    version_drawn_deg: float
    torsion_typical_deg: float
    eversion_typical_deg: float
    tibia_per_eversion: float
    shin_per_torsion: float
    knee_rotation_limit_deg: float
    valgus_per_adduction: float
    valgus_per_pelvic_drop: float
    arch_full_eversion_deg: float
    ankle_in_per_arch_cm: float
    ankle_down_per_arch_cm: float
    tubercle_out_mm: float
    sulcus_angle_deg: float
    patella_start_deg: float
    patella_per_flexion: float
    patella_shift_drawn_mm: float
    patella_tilt_drawn_deg: float
    shift_30_mm: float
    shift_90_mm: float
    tilt_30_deg: float
    tilt_90_deg: float
    stairs_down_force_bw: float
    area_men_mm2: tuple[float, ...]
    area_women_mm2: tuple[float, ...]
    area_flexions_deg: tuple[float, ...]
    lever_arm: tuple[tuple[float, ...], tuple[float, ...]]
    force_ratio: tuple[tuple[float, ...], tuple[float, ...]]
    trunk_lean_deg: tuple[tuple[float, ...], tuple[float, ...]]
    patella_radius_cm: tuple[tuple[float, ...], tuple[float, ...]]
    men_share_unstated: float = 0.5  # halfway between women and men

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            numbers = getattr(self, each.name)
            for number in _flat(numbers):
                if not math.isfinite(number):
                    raise MechanicsError(
                        f"The constant “{each.name}” of the leg is not a number; see knowledge/leg.yaml."
                    )


def constants_of(
    number: Callable[[str], float], curve: Callable[[str], tuple[tuple[float, ...], tuple[float, ...]]]
) -> Constants:
    """The constants, read with `number(value id)` and `curve(curve id)`.

    Raises MechanicsError, with the id, for one that is missing.
    """

    def read(reader: Callable, entry_id: str):
        try:
            return reader(entry_id)
        except KeyError:
            raise MechanicsError(f"The leg can't be worked out: “{entry_id}” is missing from knowledge/.") from None

    return Constants(
        **{name: read(number, entry_id) for name, entry_id in _VALUE_IDS.items()},
        **{name: tuple(read(number, entry_id) for entry_id in ids) for name, ids in _AREA_IDS.items()},
        area_flexions_deg=_AREA_FLEXIONS_DEG,
        lever_arm=read(curve, "curve.leg_lever_arm"),
        force_ratio=read(curve, "curve.leg_force_ratio"),
        trunk_lean_deg=read(curve, "curve.leg_trunk_lean"),
        patella_radius_cm=read(curve, "curve.leg_patella_radius"),
    )


_VALUE_IDS = {
    "shank_cm": "value.leg_shank_length",
    "thigh_cm": "value.leg_thigh_length",
    "ankle_height_cm": "value.leg_ankle_height",
    "heel_back_cm": "value.leg_heel_back",
    "push_off_cm": "value.leg_push_off",
    "foot_middle_cm": "value.leg_foot_middle",
    "upper_body_lever_cm": "value.leg_upper_body_lever",
    "pelvis_per_trunk": "value.leg_pelvis_per_trunk",
    "moment_arm_rounding_cm": "value.leg_moment_arm_rounding",
    "foot_out_deg": "value.geometry_foot_progression_angle",
    "version_drawn_deg": "value.geometry_anteversion_maturity",
    "torsion_typical_deg": "value.geometry_tibial_torsion_ct_32",
    "eversion_typical_deg": "value.leg_eversion_typical",
    "tibia_per_eversion": "value.geometry_coupling_animation",
    "shin_per_torsion": "value.leg_shin_per_torsion",
    "knee_rotation_limit_deg": "value.leg_knee_rotation_limit",
    "valgus_per_adduction": "value.leg_valgus_per_adduction",
    "valgus_per_pelvic_drop": "value.leg_valgus_per_pelvic_drop",
    "arch_full_eversion_deg": "value.leg_arch_full_eversion",
    "ankle_in_per_arch_cm": "value.leg_ankle_in_per_arch",
    "ankle_down_per_arch_cm": "value.leg_ankle_down_per_arch",
    "tubercle_out_mm": "value.geometry_ct_tt_tg_control",
    "sulcus_angle_deg": "value.geometry_ct_sulcus_angle_control",
    "patella_start_deg": "value.leg_patella_start",
    "patella_per_flexion": "value.leg_patella_per_flexion",
    "patella_shift_drawn_mm": "value.leg_patella_shift_drawn",
    "patella_tilt_drawn_deg": "value.leg_patella_tilt_drawn",
    "shift_30_mm": "value.geometry_patellar_shift_30",
    "shift_90_mm": "value.geometry_patellar_shift_90",
    "tilt_30_deg": "value.geometry_patellar_tilt_30",
    "tilt_90_deg": "value.geometry_patellar_tilt_90",
    "stairs_down_force_bw": "value.load_stairs_down_healthy",
}
_AREA_FLEXIONS_DEG = (0.0, 30.0, 60.0)
_AREA_IDS = {
    f"area_{sex}_mm2": tuple(f"value.geometry_contact_area_{sex}_{flexion:g}" for flexion in _AREA_FLEXIONS_DEG)
    for sex in ("men", "women")
}


def _flat(numbers: object) -> list[float]:
    return [each for part in numbers for each in _flat(part)] if isinstance(numbers, tuple) else [numbers]
