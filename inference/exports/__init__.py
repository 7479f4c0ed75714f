"""A run in a file that other programs load, and such files opened again."""
