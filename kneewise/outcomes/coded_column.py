"""A column of an export as its distinct values and their places: what reading hands on, and what detectors look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CodedColumn:
    """One column of text: `codes[i]` is the place of row i's value in `values` (distinct, stripped)."""

    name: str
    codes: np.ndarray
    values: tuple[str, ...]
    lines: np.ndarray | None = None
    """The line of the file behind each row, where that is not the row's place below a header."""

    def row_of(self, code: int) -> int:
        """The first row, counted as a spreadsheet does (the header is row 1), that holds this value."""
        place = int(np.flatnonzero(self.codes == code)[0])
        return place + 2 if self.lines is None else int(self.lines[place])

    def counts(self) -> np.ndarray:
        """How often each value occurs."""
        return np.bincount(self.codes, minlength=len(self.values))
