"""From a run or files to scores: what happens after training."""
