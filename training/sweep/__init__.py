"""A small search over the options of `train.py`, with Optuna.

Trials are compared by the validation split; the test split is not read.
"""
