"""The plane of the film, and the shapes that are drawn on it.

Everything is placed in body coordinates: `u` grows towards the patient's left,
which a frontal film shows on its right, `v` grows towards the feet, and 1 is
half the width of the rib cage.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

from PIL import Image
import numpy as np


class Plane:
    """Body coordinates of every pixel of a film.

    Attributes:
        shape: `(height, width)` in pixels.
        scale: Pixels per unit of length.
        u: float32 `[height, width]`, towards the patient's left.
        v: float32 `[height, width]`, towards the feet.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        scale: float,
        centre: tuple[float, float],
        tilt: float,
    ) -> None:
        """Lays the film over the body.

        Args:
            shape: `(height, width)` in pixels.
            scale: Pixels per unit of length.
            centre: Body coordinates `(u, v)` at the middle of the film.
            tilt: Rotation of the body in the film plane, in radians.
        """
        self.shape = shape
        self.scale = scale
        self._centre = centre
        self._cos, self._sin = math.cos(tilt), math.sin(tilt)
        rows: np.ndarray
        columns: np.ndarray
        rows, columns = np.indices(shape, dtype=np.float32)
        rows = (rows - (shape[0] - 1) / 2) / scale
        columns = (columns - (shape[1] - 1) / 2) / scale
        self.u = self._cos * columns + self._sin * rows + centre[0]
        self.v = self._cos * rows - self._sin * columns + centre[1]

    def bend(self, du: np.ndarray | float, dv: np.ndarray | float) -> None:
        """Moves the body under the film, by at most a few pixels."""
        self.u += du
        self.v += dv

    def window(
        self, points: Sequence[tuple[float, float]], margin: float
    ) -> tuple[slice, slice]:
        """Slices of the box of pixels that lie within `margin` of `points`."""
        rows: list[float] = []
        columns: list[float] = []
        for u, v in points:
            u, v = u - self._centre[0], v - self._centre[1]
            rows.append(self._sin * u + self._cos * v)
            columns.append(self._cos * u - self._sin * v)
        return (
            self._slice(rows, margin, self.shape[0]),
            self._slice(columns, margin, self.shape[1]),
        )

    def _slice(self, values, margin, size):
        low = int((min(values) - margin) * self.scale + size / 2)
        high = int((max(values) + margin) * self.scale + size / 2) + 1
        return slice(min(max(low, 0), size), min(max(high, 0), size))


def noise(rng: np.random.Generator, plane: Plane, grain: float) -> np.ndarray:
    """Draws a smooth random field.

    Args:
        rng: NumPy `Generator`.
        plane: `Plane` of the film.
        grain: Distance between independent values, in body coordinates.

    Returns:
        float32 `[height, width]`, mean about 0, standard deviation about 1.
    """
    height, width = plane.shape
    step = grain * plane.scale
    cells = (math.ceil(height / step) + 3, math.ceil(width / step) + 3)
    grid = rng.standard_normal(cells, dtype=np.float32)
    # A margin of one cell keeps the ends of the grid out of the picture.
    box = (1.0, 1.0, 1.0 + width / step, 1.0 + height / step)
    field = Image.fromarray(grid).resize(
        (width, height), Image.Resampling.BICUBIC, box=box
    )
    # Interpolating between independent values lowers their spread to 0.82.
    return np.asarray(field) / np.float32(0.82)


def edge(distance: np.ndarray, softness: float) -> np.ndarray:
    """Rises from 0 to 1 over a width of `softness` where `distance` is 0."""
    t = distance * (1.0 / softness)
    t += 0.5
    np.minimum(t, 1.0, out=t)
    np.maximum(t, 0.0, out=t)
    return (3.0 - 2.0 * t) * t * t


def norm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`np.hypot` without its care for overflow, several times as fast."""
    return np.sqrt(x * x + y * y)


def rod(distance: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    """Path of the beam through a rod seen from the side, 1 at its axis."""
    t = distance * (1.0 / radius)
    t *= t
    return np.sqrt(np.maximum(1.0 - t, 0.0))


def add_rod(
    field: np.ndarray,
    plane: Plane,
    points: Sequence[tuple[float, float]],
    radius: float,
    *,
    density: float,
    hollow: float = 0.0,
) -> None:
    """Adds a bent rod with round ends to an attenuation map, in place.

    Args:
        field: float32 `[height, width]`, changed in place.
        plane: `Plane` of the film.
        points: Body coordinates `(u, v)` of its ends and bends, two or more.
        radius: Radius in body coordinates.
        density: Attenuation at the axis of a solid rod.
        hollow: How much of the marrow's attenuation is missing, 0 to 1.
    """
    box = plane.window(points, radius)
    u, v = plane.u[box], plane.v[box]
    if not u.size:
        return
    nearest = np.full_like(u, np.inf)
    for start, end in zip(points, points[1:]):
        du, dv = end[0] - start[0], end[1] - start[1]
        x, y = u - start[0], v - start[1]
        along = np.clip((x * du + y * dv) / (du * du + dv * dv), 0.0, 1.0)
        nearest = np.minimum(
            nearest, np.square(x - along * du) + np.square(y - along * dv)
        )
    distance = np.sqrt(nearest)
    path = rod(distance, radius)
    if hollow:
        path -= hollow * rod(distance, 0.72 * radius)
    field[box] += density * path
