"""Prints every figure beside its aim; words behind it choose some of `start reruns import leg outcomes`.

`outcomes` (20 million scores) takes minutes and runs only when it is named.

Exit code 0 if all measured figures hold, 1 otherwise, 2 for a word it doesn't know.
"""

from __future__ import annotations

import platform
import sys

import psutil

from benchmarks import leg, measures, outcomes


def main() -> int:
    """Measure, print, and say by the exit code whether every aim was reached."""
    print(f"{platform.system()}, {psutil.cpu_count()} processors, Python {platform.python_version()}", flush=True)
    print(f"{'':44} {'measured':>10} {'aim':>8}", flush=True)
    missed = 0
    everything = {
        "start": measures.start_to_usable_page,
        "reruns": measures.reruns,
        "import": measures.import_of_real_records,
        "leg": leg.leg_in_a_browser,
    }
    asked = sys.argv[1:] or list(everything)
    everything["outcomes"] = outcomes.outcomes_at_scale
    unknown = [name for name in asked if name not in everything]
    if unknown:
        print(f"There is no benchmark “{unknown[0]}”; there are {', '.join(everything)}.", file=sys.stderr)
        return 2
    for measure in (everything[name] for name in asked):
        for figure in measure():
            missed += figure.holds is False
            print(line(figure), flush=True)
    return 1 if missed else 0


def line(figure: measures.Figure) -> str:
    """One row of the table."""
    value = "-" if figure.value is None else f"{figure.value:.2f}" if figure.value < 10 else f"{figure.value:.0f}"
    verdict = {True: "", False: "MISSED", None: "not measured"}[figure.holds]
    notes = "; ".join(filter(None, (verdict, figure.note)))
    return f"{figure.what:44} {value:>10} {figure.aim:>5g} {figure.unit:<3} {notes}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
