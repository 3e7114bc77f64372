"""How the length of a running step changes what the kneecap joint takes: a leg as a spring, no fitted number.

At one speed a longer step lasts longer. With the time on the ground unchanged, the force of the ground has to grow with
the time of a step; the leg, as a spring, then bends the knee more in proportion, and the lever of that force about the
knee grows with the bend. So the moment, and with it the joint force, grows with the square. Published changes stand
beside it in docs/validation.md.
"""

from __future__ import annotations


def peak_force_ratio(step_length_ratio: float) -> float:
    """Peak patellofemoral force per step against before, for a step length (or 1 / step rate) against before."""
    return step_length_ratio * step_length_ratio


def force_per_distance_ratio(step_length_ratio: float) -> float:
    """The same per distance: fewer steps are needed when each is longer."""
    return peak_force_ratio(step_length_ratio) / step_length_ratio
