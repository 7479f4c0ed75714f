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
            channel is grey, three are RGB, a fourth is left out.
        titles: A string an image, e.g. the class name.
        path: Where to write the picture, format by suffix.
        columns: Images in a row.
    """
    images = np.asarray(images, dtype=np.float64)
    low, high = images.min(), images.max()
    images = (images - low) / ((high - low) or 1.0)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height, width = images.shape[1:3]
    # A margin of this many pixels round each image; titles lie in the upper.
    margin = math.ceil(0.12 * width)
    cell_height, cell_width = height + margin, width + margin // 3
    # One picture in one set of axes: a set for each image draws 20 times
    # slower.
    sheet = np.ones((rows * cell_height + margin, columns * cell_width, 3))
    fig = figure.Figure(
        figsize=(2.1 * columns, 2.1 * sheet.shape[0] / cell_width)
    )
    axes = fig.add_axes((0, 0, 1, 1))
    for index, (image, title) in enumerate(zip(images, titles)):
        row, column = divmod(index, columns)
        top = row * cell_height + 2 * margin
        left = column * cell_width + margin // 6
        sheet[top : top + height, left : left + width] = image[..., :3]
        axes.text(
            left + width / 2,
            top - margin / 6,
            title,
            fontsize=11,
            horizontalalignment="center",
        )
    axes.imshow(sheet)
    axes.set_axis_off()
    axes.set_title(
        f"Training images as the network sees them ({low:.3g} to {high:.3g})",
        y=1.0,
        pad=-16,
    )
    fig.savefig(path, dpi=100)
