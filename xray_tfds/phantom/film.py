"""Takes the picture: pose, exposure, scatter, noise and display."""

from __future__ import annotations

import dataclasses
import math

from PIL import Image
import numpy as np

from xray_tfds.phantom import anatomy as anatomy_lib
from xray_tfds.phantom import pneumonia as pneumonia_lib
from xray_tfds.phantom import projection
from xray_tfds.phantom import skeleton

# A lead R: strokes `(u, v, u, v)` in units of its height.
_MARKER = (
    (0, 0, 0, 1),
    (0, 0, 0.5, 0.05),
    (0.5, 0.05, 0.5, 0.45),
    (0.5, 0.45, 0, 0.5),
    (0.2, 0.5, 0.6, 1),
)


@dataclasses.dataclass(frozen=True)
class View:
    """How one film is taken.

    Attributes:
        shape: `(height, width)` in pixels.
        scale: Half width of the rib cage as a share of the film's width.
        centre: Body coordinates `(u, v)` at the middle of the film.
        tilt: Rotation of the body in the film plane, in radians.
        turn: How far the front of the chest is turned to the patient's left.
        breath: How far the diaphragm is below its usual place.
        hardness: Contrast of the beam, as attenuation per unit.
        dose: Photons per pixel beside the body.
        scatter: Strength of scattered light.
        margins: Display range below the darkest and above the brightest
            tissue, as shares of the range between.
        gamma: Exponent of the display curve.
        marker: Whether a lead letter shows the patient's right.
    """

    shape: tuple
    scale: float
    centre: tuple
    tilt: float
    turn: float
    breath: float
    hardness: float
    dose: float
    scatter: float
    margins: tuple
    gamma: float
    marker: bool


def sample_view(rng: np.random.Generator) -> View:
    """Draws size, pose and exposure of one film, whatever it shows.

    Args:
        rng: NumPy `Generator`.

    Returns:
        A `View`.
    """
    uniform = rng.uniform
    height = int(rng.integers(300, 366))
    return View(
        shape=(height, int(height * uniform(1.02, 1.31))),
        scale=uniform(0.38, 0.46),
        centre=(uniform(-0.08, 0.08), uniform(-0.16, 0.02)),
        tilt=uniform(-0.07, 0.07),
        turn=uniform(-0.06, 0.06),
        breath=uniform(-0.08, 0.10),
        hardness=uniform(1.8, 2.3),
        dose=math.exp(uniform(math.log(1500.0), math.log(8000.0))),
        scatter=uniform(0.03, 0.14),
        margins=(uniform(0.12, 0.34), uniform(0.0, 0.18)),
        gamma=uniform(0.85, 1.2),
        marker=bool(uniform() < 0.6),
    )


def render(
    anatomy: anatomy_lib.Anatomy,
    pneumonia: pneumonia_lib.Pneumonia | None,
    view: View,
    rng: np.random.Generator,
) -> np.ndarray:
    """Takes one film.

    Args:
        anatomy: `anatomy.Anatomy` of the patient.
        pneumonia: `pneumonia.Pneumonia`, or `None` for a normal chest.
        view: `View`, how the film is taken.
        rng: NumPy `Generator` of textures and noise.

    Returns:
        uint8 `[height, width]`; bright is dense, as radiologists read it.
    """
    plane = projection.Plane(
        view.shape,
        scale=view.scale * view.shape[1],
        centre=view.centre,
        tilt=view.tilt,
    )
    plane.bend(
        0.012 * projection.noise(rng, plane, 0.5),
        0.012 * projection.noise(rng, plane, 0.5),
    )
    field = anatomy_lib.body(plane, anatomy)
    field += anatomy_lib.abdomen(plane, anatomy, breath=view.breath)
    field += anatomy_lib.airways(plane, turn=view.turn)
    field += skeleton.bones(plane, anatomy, turn=view.turn)
    field *= 1.0 + 0.05 * projection.noise(rng, plane, 0.7)
    air = anatomy_lib.lungs(plane, anatomy, breath=view.breath, turn=view.turn)
    tissue = anatomy_lib.vessels(plane, anatomy)
    tissue += 0.02 * projection.noise(rng, plane, 0.03)
    # Muscle, skin folds and perfusion veil a lung unevenly. Without that, the
    # mean brightness of a lung alone would tell normal from pneumonia.
    tissue += 0.13 * projection.noise(rng, plane, 0.45)
    field += air * (tissue / anatomy.air - 1.0)
    if pneumonia is not None:
        field += air * pneumonia_lib.opacity(plane, pneumonia, rng)
    if view.marker:
        _add_marker(field, plane)
    return _expose(np.maximum(field, 0.0), view, rng)


def _add_marker(field, plane):
    """Adds a lead letter beside the patient's right shoulder, in place."""
    u, v, size = plane.u[0, 0] + 0.10, plane.v[0, 0] + 0.12, 0.10
    for u0, v0, u1, v1 in _MARKER:
        stroke = (
            (u + size * u0, v + size * v0),
            (u + size * u1, v + size * v1),
        )
        projection.add_rod(field, plane, stroke, 0.014, density=1.5)


def _expose(attenuation, view, rng):
    """Turns attenuation into grey levels, uint8 `[height, width]`."""
    light = np.exp(-view.hardness * attenuation)
    light += view.scatter * _blur_widely(light)
    light += np.sqrt(light / view.dose) * rng.standard_normal(
        light.shape, dtype=np.float32
    )
    grey = -np.log(np.maximum(_blur_slightly(light), 1e-4))
    # The display is set for the chest, not for the air beside the body.
    dark, bright = np.percentile(grey[::4, ::4], (22.0, 99.5)).tolist()
    low = dark - view.margins[0] * (bright - dark)
    high = bright + view.margins[1] * (bright - dark)
    film = np.clip((grey - low) / (high - low), 0.0, 1.0) ** view.gamma
    return (255.0 * film + 0.5).astype(np.uint8)


def _blur_widely(light):
    """Scatter: a blur over about a twelfth of the film."""
    image = Image.fromarray(light).resize((12, 12), Image.Resampling.BOX)
    image = image.resize(light.shape[::-1], Image.Resampling.BICUBIC)
    return np.maximum(np.asarray(image), 0.0)


def _blur_slightly(light):
    """Focal spot and detector: weights 1 2 1 along both axes."""
    for _ in range(2):
        padded = np.pad(light, ((1, 1), (0, 0)), mode="edge")
        light = ((padded[:-2] + 2.0 * light + padded[2:]) / 4.0).T
    return light
