"""How likely draws at least as odd as these are, under Keras's laws."""

import numpy as np
from scipy import stats


def uniform_alarm(values, limit):
    """P-value of a uniform law in plus or minus `limit`, edges included."""
    values = np.ravel(values)
    if np.abs(values).max() > limit + 1e-4:
        return 0.0
    # The chance that no draw comes as near to the edge as the largest one.
    edge = (min(np.abs(values).max() / limit, 1.0)) ** values.size
    ks = stats.kstest(values, stats.uniform(-limit, 2 * limit).cdf).pvalue
    return min(ks, edge)


def flip_alarm(values):
    """P-value of a fair coin."""
    return stats.binomtest(int(values.sum()), values.size, 0.5).pvalue


def dependence_alarm(a, b):
    """P-value of independence of two paired series, monotone or not."""
    a, b = np.ravel(a), np.ravel(b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    rank = stats.spearmanr(a, b).pvalue
    grid, _, _ = np.histogram2d(
        stats.rankdata(a), stats.rankdata(b), bins=(_bins(a), _bins(b))
    )
    grid = grid[grid.any(1)][:, grid.any(0)]  # ties leave bins empty
    return min(rank, stats.chi2_contingency(grid).pvalue)


def _bins(values):
    return min(8, len(np.unique(values)))


def order_alarm(example):
    """P-value of fresh uniform permutations; 0 for what is none."""
    num_epochs, num_examples = example.shape
    in_order = np.arange(num_examples)
    position = np.argsort(example, axis=1)
    alarms = []
    for epoch in range(num_epochs):
        if not np.array_equal(np.sort(example[epoch]), in_order):
            return 0.0
        alarms.append(dependence_alarm(position[epoch], in_order))
        # Neighbours in the listing that stay neighbours: Poisson(2), nearly.
        kept = (np.abs(np.diff(example[epoch])) == 1).sum()
        alarms.append(stats.poisson.sf(kept - 1, 2))
    for epoch in range(num_epochs - 1):
        alarms.append(dependence_alarm(position[epoch], position[epoch + 1]))
    return min(alarms)
