"""One file: its pixels, or the reason why there are none."""
