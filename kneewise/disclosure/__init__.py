"""The only maker of what may be drawn or downloaded: merging, rounding and hiding of small counts."""
