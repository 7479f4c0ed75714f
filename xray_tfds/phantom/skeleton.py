"""How much the bones attenuate the beam; units and places as in `anatomy`."""

from __future__ import annotations

import numpy as np

from xray_tfds.phantom import anatomy as anatomy_lib
from xray_tfds.phantom import projection

_NUM_RIBS = 11


def bones(
    plane: projection.Plane, anatomy: anatomy_lib.Anatomy, *, turn: float
) -> np.ndarray:
    """Spine, ribs, clavicles, scapulae and upper arms.

    Args:
        plane: `projection.Plane` of the film.
        anatomy: `anatomy.Anatomy` of the patient.
        turn: How far the front of the chest is turned to the patient's left.

    Returns:
        float32 `[height, width]`, added to the attenuation of soft tissue.
    """
    field = _spine(plane, anatomy)
    for index in range(_NUM_RIBS):
        _add_rib_pair(field, plane, anatomy, index)
    for side in (-1.0, 1.0):
        _add_clavicle(field, plane, anatomy, side, turn)
        _add_scapula(field, plane, anatomy, side)
    for shoulder, elbow in anatomy_lib.arm_axes(anatomy):
        projection.add_rod(
            field, plane, (shoulder, elbow), 0.075, density=0.2, hollow=0.6
        )
        end = (shoulder[0], shoulder[1] + 0.01)
        projection.add_rod(
            field, plane, (shoulder, end), 0.12, density=0.12, hollow=0.2
        )
    return anatomy.bone * field


def _spine(plane, anatomy):
    """A column of vertebrae, each a box with pedicles and a process."""
    level = (plane.v + 1.35) / anatomy.rib_spacing
    phase = np.abs(level - np.round(level))
    u = np.abs(plane.u - anatomy.spine_bend * np.sin(1.5 * plane.v))
    radius = anatomy.spine_radius * (0.90 + 0.10 * plane.v)
    edge = projection.edge
    column = edge(radius * (1.0 + 0.06 * np.cos(9.0 * phase)) - u, 0.03)
    # A disc lets more through than the vertebrae on either side of it.
    disc = edge(0.11 - np.abs(phase - 0.5), 0.10)
    plate = edge(0.05 - np.abs(phase - 0.36), 0.08)
    field = column * (0.15 - 0.08 * disc + 0.05 * plate)
    height = phase * anatomy.rib_spacing
    pedicle = projection.norm((u - 0.72 * radius) / 0.8, height)
    process = projection.norm(u / 0.7, height - 0.04)
    field += 0.07 * projection.rod(pedicle, 0.04)
    field += 0.05 * projection.rod(process, 0.045)
    return field


def _add_rib_pair(field, plane, anatomy, index):
    """Adds both ribs of one level, in place.

    A rib runs round the chest and falls towards the front, so that its shadow
    is half an ellipse: the upper arc is the back, the lower one the front.
    """
    drop = anatomy.rib_drop * (0.45 + 0.55 * min(index / 3.0, 1.0))
    centre = anatomy.cage_top + 0.02 + index * anatomy.rib_spacing + drop
    half = float(anatomy_lib.cage_half_width(centre, anatomy)) + 0.012
    box = plane.window(((-half, centre - drop), (half, centre + drop)), 0.05)
    u, v = np.abs(plane.u[box]), plane.v[box] - centre
    x, y = u / half, v / drop
    rho = projection.norm(x, y) + 1e-6
    slope = projection.norm(x / half, y / drop) + 1e-6
    distance = (rho - 1.0) * rho / slope
    back = projection.edge(-y, 0.3)
    radius = anatomy.rib_radius * (1.25 - 0.25 * back)
    path = projection.rod(distance, radius)
    path -= 0.55 * projection.rod(distance, 0.7 * radius)
    # At the side the rib runs along the beam: a longer path.
    path *= 1.0 + 1.3 * np.square(np.square(np.minimum(x * x, 1.0)))
    # Ribs join the spine; in front they end in cartilage, which hardly shows.
    front = (1.0 - back) * projection.edge(x - 0.5, 0.25)
    back *= projection.edge(u - 0.10, 0.06)
    field[box] += 0.15 * path * (back + 0.55 * front)


def _add_clavicle(field, plane, anatomy, side, turn):
    top = anatomy.cage_top + 0.02
    outer = top + 0.03 - anatomy.clavicle_rise
    points = (
        (0.13, top + 0.20),
        (0.30, top + 0.17),
        (0.45, top + 0.12),
        (0.60, outer + 0.05),
        (0.75, outer),
        (0.92, outer - 0.02),
        (1.10, outer + 0.02),
    )
    course = [(side * u + turn, v) for u, v in points]
    projection.add_rod(field, plane, course, 0.045, density=0.24, hollow=0.5)


def _add_scapula(field, plane, anatomy, side):
    v = anatomy.cage_top
    spine = [(1.14, v + 0.14), (1.0, v + 0.20), (0.80, v + 0.24)]
    border = [(1.12, v + 0.20), (1.08, v + 0.45), (1.0, v + 0.80)]
    blade = [(0.98, v + 0.32), (0.98, v + 0.66)]
    for points, radius, density in (
        (spine, 0.045, 0.10),
        (border, 0.03, 0.10),
        (blade, 0.14, 0.03),
    ):
        course = [(side * u, v) for u, v in points]
        projection.add_rod(
            field, plane, course, radius, density=density, hollow=0.3
        )
