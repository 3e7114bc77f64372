"""Plain statistics: arrays and counts in, frozen result objects out; no input, no output."""
