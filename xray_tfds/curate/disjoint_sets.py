"""Groups of what belongs together, grown by joining pairs."""

from __future__ import annotations

from typing import Generic
from typing import TypeVar

_Item = TypeVar("_Item", int, str)


class DisjointSets(Generic[_Item]):
    """Items that are each in one set (union-find, with halved paths).

    An item that was never joined is a set of its own. The least item of a set
    stands for it, so that the order of joining does not show.
    """

    def __init__(self) -> None:
        self._parents: dict[_Item, _Item] = {}

    def join(self, first: _Item, second: _Item) -> None:
        """Makes one set of the sets of two items."""
        low, high = sorted((self.find(first), self.find(second)))
        if low != high:
            self._parents[high] = low

    def find(self, item: _Item) -> _Item:
        """Returns the least item of the set that holds this one."""
        parents = self._parents
        while (parent := parents.get(item, item)) != item:
            parents[item] = item = parents.get(parent, parent)
        return item
