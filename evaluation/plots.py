"""Pictures of a run: how the metrics went, what the network was shown.

Figures are drawn without `pyplot`: no window system, no state shared with a
caller's own figures.
"""

import math

from matplotlib import figure
import numpy as np

_PANELS = (("loss", "loss"), ("accuracy", "accuracy"), ("auc", "AUC"))


def plot_curves(records, path):
    """Draws loss, accuracy and AUC against the epoch.

    Args:
        records: One dict an epoch, in order, with `epoch`, `loss`, `accuracy`,
            `auc` and the same with a `val_` prefix; NaN leaves a gap.
        path: Where to write the picture, format by suffix.
    """
    fig = figure.Figure(figsize=(12, 3.8), layout="constrained")
    epochs = [record["epoch"] for record in records]
    for axes, (name, title) in zip(fig.subplots(1, len(_PANELS)), _PANELS):
        for key, label in ((name, "train"), (f"val_{name}", "validation")):
            values = [record[key] for record in records]
            axes.plot(epochs, values, marker="o", markersize=4, label=label)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    fig.savefig(path, dpi=100)


def plot_contact_sheet(images, titles, path, *, columns=6):
    """Draws images in a grid, each under its title.

    Args:
        images: float or int `[num_images, height, width, channels]` of any
            range; black and white are the extremes of the whole sheet. One
            channel is grey, three are RGB.
        titles: A string an image, e.g. the class name.
        path: Where to write the picture, format by suffix.
        columns: Images in a row.
    """
    images = np.asarray(images, dtype=np.float64)
    low, high = images.min(), images.max()
    images = (images - low) / ((high - low) or 1.0)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    fig = figure.Figure(
        figsize=(2.1 * columns, 2.4 * rows + 0.4), layout="constrained"
    )
    fig.suptitle(
        f"Training images as the network sees them ({low:.3g} to {high:.3g})"
    )
    grid = fig.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, title in zip(grid.flat, images, titles):
        grey = image.shape[-1] == 1
        axes.imshow(
            image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=1
        )
        axes.set_title(title, fontsize=11)
    fig.savefig(path, dpi=100)
