"""A small search over the options of `train.py`, with Optuna.

What is chosen is chosen by the validation split; the test split is not read.
"""
