"""Checkpoints: when they are written, what is in them, resuming from them."""
