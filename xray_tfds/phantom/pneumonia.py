"""Pneumonia: infiltrates that replace air in the lungs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from xray_tfds.phantom import projection


@dataclasses.dataclass(frozen=True)
class Infiltrate:
    """An opacity of elliptical outline; lengths in body coordinates.

    Attributes:
        centre: `(u, v)` of its middle.
        radii: Its half axes.
        angle: Of the first axis, in radians.
        density: How much fluid it holds; `1 - exp(-density)` of the air is
            replaced on average over its texture.
    """

    centre: tuple
    radii: tuple
    angle: float
    density: float


@dataclasses.dataclass(frozen=True)
class Pneumonia:
    """What one patient's disease looks like.

    Attributes:
        infiltrates: Tuple of `Infiltrate`.
        grain: Size of the patches of their texture, in body coordinates.
        texture: Strength of the texture, the standard deviation of its
            logarithm; 0 is an even opacity.
        reticular: Whether a net of lines is part of the texture.
    """

    infiltrates: tuple
    grain: float
    texture: float
    reticular: bool


def sample_pneumonia(rng: np.random.Generator, kind: str) -> Pneumonia:
    """Draws what pneumonia does to one patient's lungs.

    Args:
        rng: NumPy `Generator`.
        kind: "bacteria" (mostly a dense lobar consolidation) or "virus" (mostly
            an interstitial pattern in both lungs); either may be patchy.

    Returns:
        A `Pneumonia`.
    """
    if rng.random() < 0.35:
        return _sample_patchy(rng)
    return {"bacteria": _sample_lobar, "virus": _sample_interstitial}[kind](rng)


def _sample_lobar(rng):
    lobes = []
    for _ in range(rng.integers(1, 4)):
        radius = rng.uniform(0.24, 0.46)
        lobes.append(
            Infiltrate(
                centre=_sample_centre(rng),
                radii=(radius, radius * rng.uniform(0.7, 1.2)),
                angle=rng.uniform(-0.6, 0.6),
                density=rng.uniform(0.42, 1.1),
            )
        )
    return Pneumonia(tuple(lobes), 0.06, rng.uniform(0.75, 1.0), False)


def _sample_patchy(rng):
    density = rng.uniform(0.42, 1.1)
    patches = tuple(
        Infiltrate(
            centre=_sample_centre(rng),
            radii=(rng.uniform(0.12, 0.26), rng.uniform(0.12, 0.26)),
            angle=rng.uniform(-1.5, 1.5),
            density=density * rng.uniform(0.7, 1.3),
        )
        for _ in range(rng.integers(5, 11))
    )
    return Pneumonia(patches, 0.06, rng.uniform(0.75, 1.0), False)


def _sample_interstitial(rng):
    density = rng.uniform(0.36, 0.7)
    sides = tuple(
        Infiltrate(
            centre=(side * rng.uniform(0.35, 0.5), rng.uniform(-0.2, 0.2)),
            radii=(rng.uniform(0.45, 0.65), rng.uniform(0.5, 0.75)),
            angle=0.0,
            density=density * rng.uniform(0.7, 1.2),
        )
        for side in (-1.0, 1.0)
    )
    return Pneumonia(sides, 0.055, rng.uniform(0.7, 1.0), True)


def _sample_centre(rng):
    side = 1.0 if rng.random() < 0.5 else -1.0
    return (side * rng.uniform(0.28, 0.75), rng.uniform(-0.45, 0.40))


def opacity(
    plane: projection.Plane, pneumonia: Pneumonia, rng: np.random.Generator
) -> np.ndarray:
    """Share of the air that is replaced.

    Args:
        plane: `projection.Plane` of the film.
        pneumonia: `Pneumonia` of the patient.
        rng: NumPy `Generator` of outlines and textures.

    Returns:
        float32 `[height, width]`, 0 (air) to 1 (none left); slightly below 0
        where there is more air than in a normal lung.
    """
    ragged = 0.2 * projection.noise(rng, plane, 0.14)
    texture = _texture(plane, pneumonia, rng)
    clear = np.ones_like(plane.u)
    for item in pneumonia.infiltrates:
        box = plane.window((item.centre,), 2.0 * max(item.radii))
        cos, sin = math.cos(item.angle), math.sin(item.angle)
        du = plane.u[box] - item.centre[0]
        dv = plane.v[box] - item.centre[1]
        rho = projection.norm(
            (cos * du + sin * dv) / item.radii[0],
            (cos * dv - sin * du) / item.radii[1],
        )
        # Between dense patches the lung is over-aerated, but only a little.
        share = np.maximum(1.0 - np.exp(-item.density * texture[box]), -0.15)
        inside = projection.edge(1.0 - rho - ragged[box], 0.8)
        clear[box] *= 1.0 - inside * share
    return 1.0 - clear


def _texture(plane, pneumonia, rng):
    """Fluid, relative to its mean: dense patches on fainter ground.

    Mean 0.7, so that it is patches more than mean brightness that tell.
    """
    field = 0.7 * projection.noise(rng, plane, pneumonia.grain)
    field += 0.5 * projection.noise(rng, plane, 0.5 * pneumonia.grain)
    if pneumonia.reticular:
        # A net along the lines where the noise is 0; |noise| of a normal
        # variable has mean 0.8 and standard deviation 0.6.
        net = projection.noise(rng, plane, pneumonia.grain)
        field += 0.5 * (0.8 - np.abs(net)) / 0.6
    else:
        # Neighbouring patches run together into larger ones.
        field += 0.5 * projection.noise(rng, plane, 2.5 * pneumonia.grain)
    spread = pneumonia.texture
    return np.exp(spread * field - 0.5 * spread * spread) - 0.3
