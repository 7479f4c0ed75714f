"""Sets against the connected components that SciPy finds."""

import hypothesis
from hypothesis import strategies
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from xray_tfds.curate import disjoint_sets

_ITEM = strategies.integers(0, 29)


@hypothesis.given(strategies.lists(strategies.tuples(_ITEM, _ITEM)))
def test_sets_are_the_connected_components(pairs):
    sets = disjoint_sets.DisjointSets()
    for first, second in pairs:
        sets.join(first, second)
    # SciPy 1.11 takes no others.
    edges = np.array(pairs, np.int32).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), (30, 30))
    _, components = csgraph.connected_components(graph, directed=False)
    for item in range(30):
        least = np.flatnonzero(components == components[item])[0]
        assert sets.find(item) == least


def test_long_chains_are_found_without_recursion():
    sets = disjoint_sets.DisjointSets()
    for item in range(100_000, 0, -1):
        sets.join(f"{item:06}", f"{item - 1:06}")
    assert sets.find("100000") == "000000"
