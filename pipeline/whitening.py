"""The matrix of ZCA whitening, and how to multiply by it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Values in one flattened image. The float64 matrix then takes 128 MiB, and a
# film of 64x64 fits.
MAX_SIZE = 4096


def check_size(image_shape: tuple[int, ...]) -> None:
    """Raises ValueError for images of more than `MAX_SIZE` values."""
    size = int(np.prod(image_shape))
    if size > MAX_SIZE:
        raise ValueError(
            f"`zca_whitening` needs images of at most {MAX_SIZE} values: "
            "build the data set with a smaller `image_size`. "
            f"Received: image_shape={tuple(image_shape)}, {size} values"
        )


def zca_matrix(
    gram: npt.NDArray[np.float64], count: int, epsilon: float
) -> npt.NDArray[np.float64]:
    """Returns U diag(sqrt(count) / (s + epsilon)) U^T of centred images.

    U and s are the left singular vectors and the singular values of the matrix
    whose columns are the images.

    Args:
        gram: That matrix times its transpose, `[size, size]`.
        count: Number of images.
        epsilon: `zca_epsilon`.
    """
    squares, vectors = np.linalg.eigh(gram)
    # A matrix of n columns has at most n singular vectors.
    keep = min(count, len(squares))
    squares, vectors = squares[-keep:], vectors[:, -keep:]
    singular = np.sqrt(np.maximum(squares, 0))
    scales = np.sqrt(count) / (singular + epsilon)
    matrix: npt.NDArray[np.float64] = (vectors * scales) @ vectors.T
    return matrix


def factors(
    matrix: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], ...]:
    """Returns what to multiply by in turn, for less work than by the matrix.

    One that was fitted to fewer images than half the values of one has their
    number for its rank: it is F F^T, where F has that many columns.

    Args:
        matrix: `[size, size]`, as `ImageDataGenerator.fit` computes it.

    Returns:
        F and its transpose; or the matrix alone, of a higher rank or if
        it is no such product.
    """
    # What LAPACK takes for zero in a matrix of this size.
    tolerance = len(matrix) * np.finfo(np.float64).eps * np.abs(matrix).max()
    factor = _find_factor(matrix, tolerance)
    # One that was set by hand may have values below zero.
    if (
        factor is not None
        and np.abs(factor @ factor.T - matrix).max() <= tolerance
    ):
        return factor, factor.T
    return (matrix,)


def _find_factor(
    matrix: npt.NDArray[np.float64], tolerance: float
) -> npt.NDArray[np.float64] | None:
    """Returns F, `[size, rank]`; None if the rank is half the size or more.

    Cholesky's decomposition with complete pivoting (Higham, Analysis of the
    Cholesky decomposition of a semi-definite matrix, 1990).
    """
    rows = np.empty(((len(matrix) + 1) // 2, len(matrix)))
    left = matrix.diagonal().copy()
    for rank, row in enumerate(rows):
        pivot = np.argmax(left)
        if not left[pivot] > tolerance:
            factor: npt.NDArray[np.float64] = rows[:rank].T
            return factor
        row[:] = matrix[pivot] - rows[:rank, pivot] @ rows[:rank]
        row /= np.sqrt(left[pivot])
        left -= np.square(row)
    return None
