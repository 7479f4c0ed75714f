"""Patients, and how much their soft tissue and air attenuate the beam.

Lengths are in body coordinates (see `projection`), attenuation in units of the
soft tissue in the middle of the chest. The proportions were set by eye.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from xray_tfds.phantom import projection

# Ellipses `(u, v, radius_u, radius_v, angle)` of the heart's shadow, radii in
# units of the heart's size, angles in radians.
_HEART = (
    (0.17, 0.22, 1.25, 0.84, 0.62),  # left ventricle
    (-0.08, 0.20, 0.56, 0.86, 0.0),  # right atrium
    (0.07, 0.0, 0.50, 0.95, 0.30),  # pulmonary trunk
    (0.07, -0.34, 0.36, 0.42, 0.2),  # aortic arch
    (-0.05, -0.30, 0.34, 1.0, 0.0),  # superior vena cava
)


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """What all films of one patient share.

    Attributes:
        chest_wall: Thickness of the soft tissue outside the rib cage.
        shoulder: `v` of the slope between neck and shoulder.
        arm: Direction of the upper arms in radians, 0 is sideways.
        cage_top: `v` of the top of the rib cage.
        cage_slope: How fast the rib cage widens below its top.
        rib_spacing: Distance between two ribs, and two vertebrae.
        rib_radius: Half the height of a rib.
        rib_drop: Half of how far a rib falls from back to front.
        bone: Relative density of bone.
        spine_radius: Half the width of a vertebra.
        spine_bend: Amplitude of the spine's curve.
        clavicle_rise: How far the outer end of the clavicle is raised.
        heart: Size of the heart.
        diaphragm: `v` of the top of the right dome.
        dome: How much higher the middle of a dome is than its ends.
        air: Attenuation that the air in the lungs takes away.
        stomach: The same of the air in the stomach; 0 if there is none.
        vessels: `(points, radius)` of the lungs' vessels.
    """

    chest_wall: float
    shoulder: float
    arm: float
    cage_top: float
    cage_slope: float
    rib_spacing: float
    rib_radius: float
    rib_drop: float
    bone: float
    spine_radius: float
    spine_bend: float
    clavicle_rise: float
    heart: float
    diaphragm: float
    dome: float
    air: float
    stomach: float
    vessels: tuple


def sample_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draws a patient.

    Args:
        rng: NumPy `Generator`.

    Returns:
        An `Anatomy`.
    """
    uniform = rng.uniform
    return Anatomy(
        chest_wall=uniform(0.06, 0.22),
        shoulder=uniform(-1.15, -0.95),
        arm=uniform(-1.2, 1.4),
        cage_top=uniform(-0.93, -0.82),
        cage_slope=uniform(2.3, 3.3),
        rib_spacing=uniform(0.145, 0.17),
        rib_radius=uniform(0.030, 0.038),
        rib_drop=uniform(0.24, 0.34),
        bone=uniform(0.8, 1.25),
        spine_radius=uniform(0.115, 0.14),
        spine_bend=uniform(-0.04, 0.04),
        clavicle_rise=uniform(0.0, 0.16),
        heart=uniform(0.34, 0.42),
        diaphragm=uniform(0.34, 0.50),
        dome=uniform(0.10, 0.24),
        air=uniform(0.54, 0.68),
        stomach=max(0.0, uniform(-0.15, 0.25)),
        vessels=tuple(_sample_vessels(rng)),
    )


def _sample_vessels(rng):
    """Grows the vessel trees of both lungs from their hila."""
    vessels: list = []
    for side in (-1.0, 1.0):
        for angle in np.linspace(-1.3, 1.35, 7).tolist():
            hilum = (side * 0.22, rng.uniform(-0.16, 0.08))
            angle += rng.uniform(-0.15, 0.15)
            _grow_vessel(rng, vessels, side, hilum, angle, 0.028)
    return vessels


def _grow_vessel(rng, vessels, side, start, angle, radius):
    """Adds a vessel and, while they are thick enough to show, its branches."""
    points = [start]
    for _ in range(2):
        length = rng.uniform(0.06, 0.12)
        angle += rng.uniform(-0.25, 0.25)
        points.append(
            (
                points[-1][0] + side * length * math.cos(angle),
                points[-1][1] + length * math.sin(angle),
            )
        )
    vessels.append((tuple(points), radius))
    for turn in (rng.uniform(0.05, 0.5), -rng.uniform(0.05, 0.5)):
        branch = radius * rng.uniform(0.55, 0.8)
        if branch > 0.011:
            _grow_vessel(rng, vessels, side, points[-1], angle + turn, branch)


def body(plane: projection.Plane, anatomy: Anatomy) -> np.ndarray:
    """Soft tissue of trunk, neck, shoulders and arms."""
    u, v = np.abs(plane.u), plane.v
    half = (
        1.0
        + anatomy.chest_wall
        + 0.05 * np.sin(3.0 * v)
        + 0.7 * projection.edge(-0.55 - v, 0.9)
    )
    field = projection.rod(u, half)
    slope = anatomy.shoulder + 0.26 * np.clip((u - 0.25) / 0.9, 0.0, 1.5)
    field *= projection.edge(v - slope, 0.12)
    field *= 1.0 - 0.38 * projection.edge(-0.5 - v, 0.8)
    neck = 0.62 * projection.rod(u, 0.36) * projection.edge(-0.8 - v, 0.35)
    field = np.maximum(field, neck)
    arms = np.zeros_like(field)
    for points in arm_axes(anatomy):
        projection.add_rod(arms, plane, points, 0.26, density=0.45)
    return np.maximum(field, arms)


def arm_axes(anatomy: Anatomy) -> list[tuple[tuple[float, float], ...]]:
    """`(shoulder, elbow)` of the right and of the left arm."""
    reach, rise = 1.6 * math.cos(anatomy.arm), 1.6 * math.sin(anatomy.arm)
    v = anatomy.shoulder + 0.30
    return [
        ((side * 1.24, v), (side * (1.24 + reach), v + rise))
        for side in (-1.0, 1.0)
    ]


def cage_half_width(v: np.ndarray | float, anatomy: Anatomy) -> np.ndarray:
    """Inner half width of the rib cage at height `v`."""
    t = np.clip((v - anatomy.cage_top) / 1.75, 0.0, 1.0)
    return 0.98 * np.sqrt(1.0 - (1.0 - t) ** anatomy.cage_slope) + 1e-3


def diaphragm_height(
    plane: projection.Plane, anatomy: Anatomy, *, breath: float
) -> np.ndarray:
    """`v` of the domes; the patient's right one is the higher one."""
    u = np.abs(plane.u)
    level = anatomy.diaphragm + breath + 0.05 * projection.edge(plane.u, 0.3)
    level += anatomy.dome * np.square((u - 0.42) / 0.5)
    return level + 1.4 * np.square(np.maximum(u - 0.72, 0.0))


def lungs(
    plane: projection.Plane, anatomy: Anatomy, *, breath: float, turn: float
) -> np.ndarray:
    """Air in the lungs.

    Args:
        plane: `projection.Plane` of the film.
        anatomy: `Anatomy` of the patient.
        breath: How far the diaphragm is below its usual place.
        turn: How far the front of the chest is turned to the patient's left.

    Returns:
        float32 `[height, width]`, how much attenuation the air takes away.
    """
    u, v = np.abs(plane.u - 0.3 * turn), plane.v
    edge = projection.edge
    field = np.sqrt(projection.rod(u, cage_half_width(v, anatomy)))
    inner = 0.15 + 0.05 * np.sin(2.2 * v) + 0.08 * edge(-0.55 - v, 0.4)
    apex = anatomy.cage_top + 0.08 + 1.6 * np.square(u - 0.36)
    field *= edge(u - inner, 0.03) * edge(v - apex, 0.05)
    # The back of the lung reaches below the dome and shows through it.
    dome = diaphragm_height(plane, anatomy, breath=breath)
    behind = 0.16 * edge(dome + 0.25 - v, 0.3)
    field *= np.maximum(edge(dome - v, 0.022), behind)
    field *= 0.72 + 0.28 * edge(v + 0.55, 0.6)
    field *= 1.0 - 0.93 * _heart(plane, anatomy, turn)
    return (anatomy.air * field).astype(np.float32)


def _heart(plane, anatomy, turn):
    """Share of the path through the lung that the heart fills."""
    field = np.zeros_like(plane.u)
    box = plane.window(((-0.4, -0.75), (0.75, 0.65)), 0.1)
    u, v = plane.u[box] - turn, plane.v[box]
    nearness = 1e-6
    for centre_u, centre_v, radius_u, radius_v, angle in _HEART:
        cos, sin = math.cos(angle), math.sin(angle)
        du, dv = (u - centre_u) / anatomy.heart, (v - centre_v) / anatomy.heart
        rho = (
            np.square((cos * du + sin * dv) / radius_u)
            + np.square((cos * dv - sin * du) / radius_v)
            + 1e-3
        )
        # Powers of the inverse blend the ellipses into one smooth outline.
        nearness = nearness + np.square(np.square(np.square(1.0 / rho)))
    rho = nearness ** (-1 / 16)
    field[box] = np.sqrt(np.clip(6.0 * (1.0 - rho), 0.0, 1.0))
    return field


def abdomen(
    plane: projection.Plane, anatomy: Anatomy, *, breath: float
) -> np.ndarray:
    """Liver and stomach below the diaphragm, relative to the chest."""
    dome = diaphragm_height(plane, anatomy, breath=breath)
    field = 0.14 * projection.edge(plane.v - dome - 0.02, 0.3)
    field *= projection.edge(1.0 - np.abs(plane.u), 0.1)
    if anatomy.stomach:
        v = anatomy.diaphragm + breath + 0.22
        projection.add_rod(
            field,
            plane,
            ((0.36, v), (0.52, v - 0.02)),
            0.13,
            density=-anatomy.stomach,
        )
    return field


def airways(plane: projection.Plane, *, turn: float) -> np.ndarray:
    """Trachea and main bronchi; negative, as they replace soft tissue."""
    field = np.zeros_like(plane.u)
    fork = (0.5 * turn - 0.01, -0.30)
    projection.add_rod(field, plane, ((0.0, -1.4), fork), 0.065, density=-0.14)
    for side in (-1.0, 1.0):
        projection.add_rod(
            field, plane, (fork, (side * 0.2, -0.12)), 0.04, density=-0.08
        )
    return field


def vessels(plane: projection.Plane, anatomy: Anatomy) -> np.ndarray:
    """Vessels of the lungs, thick at the hila."""
    field = np.zeros_like(plane.u)
    for points, radius in anatomy.vessels:
        projection.add_rod(field, plane, points, radius, density=3.2 * radius)
    return field
