"""All files together: which stay, and in which split."""
