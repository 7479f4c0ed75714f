"""The directory of a run: its files, their names, how they are written."""
