"""How much is let in at a time."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib

from inference.serving import answers

# Requests of full size that are held in memory at a time.
_FULL_REQUESTS = 4


class Admission:
    """Counts films and bytes that are in the house.

    Attributes:
        num_images: How many films are worked on or wait.
    """

    def __init__(self, max_images: int, max_request_bytes: int) -> None:
        """Begins with an empty house.

        Args:
            max_images: Films at a time.
            max_request_bytes: Of a single request; of all requests together
                there may be four times as many.
        """
        self.num_images = 0
        self._num_bytes = 0
        self._max_images = max_images
        self._max_bytes = _FULL_REQUESTS * max_request_bytes

    @contextlib.contextmanager
    def request(self) -> Iterator[Ticket]:
        """Lets a request in that has one film, as far as is known.

        Raises:
            Refused: If there is no room.
        """
        ticket = Ticket(self)
        try:
            ticket.add(num_images=1)
            yield ticket
        finally:
            ticket.give_back()

    def add(self, num_images: int, num_bytes: int) -> None:
        """Takes room, or gives it back.

        Raises:
            Refused: If there is not so much.
        """
        images = self.num_images + num_images
        size = self._num_bytes + num_bytes
        if images > self._max_images or size > self._max_bytes:
            raise answers.busy(
                "There is more to do than can wait. Try again in a moment."
            )
        self.num_images, self._num_bytes = images, size


class Ticket:
    """The room that a request takes."""

    def __init__(self, admission: Admission) -> None:
        """Takes no room yet."""
        self._admission = admission
        self._num_images = self._num_bytes = 0

    def add(self, *, num_images: int = 0, num_bytes: int = 0) -> None:
        """Takes more room.

        Raises:
            Refused: If there is not so much.
        """
        self._admission.add(num_images, num_bytes)
        self._num_images += num_images
        self._num_bytes += num_bytes

    def give_back(self) -> None:
        """Gives back all room that was taken."""
        self._admission.add(-self._num_images, -self._num_bytes)
        self._num_images = self._num_bytes = 0
