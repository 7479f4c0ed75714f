"""What a run reads: its splits, as datasets."""
