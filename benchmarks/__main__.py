"""Prints every figure beside its aim. Exit code 0 if all measured figures hold, 1 otherwise."""

from __future__ import annotations

import platform
import sys

import psutil

from benchmarks import measures


def main() -> int:
    """Measure, print, and say by the exit code whether every aim was reached."""
    print(f"{platform.system()}, {psutil.cpu_count()} processors, Python {platform.python_version()}", flush=True)
    print(f"{'':44} {'measured':>10} {'aim':>8}", flush=True)
    missed = 0
    for measure in (measures.start_to_usable_page, measures.reruns, measures.import_of_real_records):
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
