"""What programs need of what they print to: a terminal, a notebook, a log."""
