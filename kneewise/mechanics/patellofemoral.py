"""What the kneecap joint takes: lever arm, force, contact area, stress, and the side it lies on.

Force and stress stay apart: stress is force over contact area, so that more force on more area can be less stress.
Every constant comes from `knowledge/` by way of `Constants`; every function takes numbers or symbols.
"""

from __future__ import annotations

import math

from kneewise.mechanics.constants import Constants
from kneewise.mechanics.graph import Number, maximum, minimum, sqrt, table, tanh

CM_PER_M = 100.0
MM_PER_CM = 10.0


def quadriceps_lever_arm_cm(knee_flexion_deg: Number, constants: Constants) -> Number:
    """Effective lever arm of the quadriceps about the knee, cm; held outside the measured range.

    Source: `value.leg_lever_arm_*` (cine MRI, women and men); halfway between the sexes where none is stated.
    """
    flexions, arms_mm = constants.lever_arm
    return table(knee_flexion_deg, flexions, [each / MM_PER_CM for each in arms_mm])


def force_ratio(knee_flexion_deg: Number, constants: Constants) -> Number:
    """Joint reaction force per quadriceps force, at 0 degrees and deeper; held beyond the last angle.

    Source: `value.leg_force_ratio_*` (recalled: an equation fitted to a model of the extensor mechanism).
    """
    flexions, ratios = constants.force_ratio
    return table(knee_flexion_deg, flexions, ratios)


def static_force_bw(
    knee_flexion_deg: Number, moment_arm_cm: Number, weight_share: Number, constants: Constants
) -> Number:
    """Patellofemoral joint reaction force of standing still on a bent knee, in body weights.

    `moment_arm_cm` is how far the knee lies in front of the line of gravity; behind it the quadriceps needs next to
    nothing, which the rounded corner (`value.leg_moment_arm_rounding`) keeps smooth and above zero.
    """
    corner = constants.moment_arm_rounding_cm
    arm = (moment_arm_cm + sqrt(moment_arm_cm * moment_arm_cm + corner * corner)) * 0.5
    quadriceps_bw = weight_share * arm / quadriceps_lever_arm_cm(knee_flexion_deg, constants)
    return quadriceps_bw * force_ratio(knee_flexion_deg, constants)


def contact_area_mm2(knee_flexion_deg: Number, men_share: Number, constants: Constants) -> Number:
    """Contact area of kneecap and groove, mm2. `men_share`: 0 women, 1 men, 0.5 where sex isn't stated.

    Source: `value.geometry_contact_area_*` (0, 30, 60 degrees, lightly loaded). Deeper, the area of 60 degrees is held:
    the fall towards 120 degrees was reported without figures.
    """
    women = table(knee_flexion_deg, constants.area_flexions_deg, constants.area_women_mm2)
    men = table(knee_flexion_deg, constants.area_flexions_deg, constants.area_men_mm2)
    return women + (men - women) * men_share


def mean_stress_mpa(force_n: float, area_mm2: float) -> float:
    """Force over area: N / mm2 = MPa."""
    return force_n / area_mm2


def side_shift(pull_ratio: Number, typical_pull_ratio: Number, constants: Constants) -> Number:
    """Where the load lies compared with the typical leg at the same bend: -1 all inner .. 0 .. +1 all outer.

    The kneecap rests on two facets that slope at half of (180 degrees - sulcus angle). Without friction, a sideways
    pull of L on a compression of C loads one facet more by L/C x cot(slope). The difference from the typical leg is
    bent into -1..1, because the share of a facet can't leave 0..1. A direction with a bound, not a measurement.
    """
    slope_rad = math.radians((180 - constants.sulcus_angle_deg) / 2)
    return tanh((pull_ratio - typical_pull_ratio) / math.tan(slope_rad))


def level(stress: Number, constants: Constants) -> Number:
    """A stress (body weights per mm2) on a scale from 0 (none) towards 1: half at that of going down stairs.

    Only for drawing low to high; `stress / (stress + half)` never ends, so that nothing looks like a limit.
    """
    half = constants.stairs_down_force_bw / contact_area_mm2(
        constants.area_flexions_deg[-1], constants.men_share_unstated, constants
    )
    return stress / (stress + half)


def held_within(number: Number, lowest: float, highest: float) -> Number:
    """The number, or the nearer end of the range."""
    return maximum(lowest, minimum(highest, number))
