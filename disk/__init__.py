"""What all programs need of a disk: who may write, one at a time."""
