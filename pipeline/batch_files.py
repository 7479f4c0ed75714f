"""Which files a batch was made of."""

from __future__ import annotations

import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import example_order
from pipeline import loading
from pipeline import plan


def filenames_of_step(
    data: loading.Data,
    split: str,
    *,
    batch_size: int = 32,
    seed: int = 0,
    epoch: int = 0,
    step: int = 0,
    shuffle: bool = True,
    sampling: example_order.Sampling = "natural",
    memory_budget_bytes: int = loading.DEFAULT_MEMORY_BUDGET_BYTES,
) -> tuple[str, ...]:
    """Returns the names of the files in a batch of `make_train_dataset`.

    Args:
        data: TFDS builder, its prepared directory, or an opened split.
        split: Name of the split, such as "train".
        batch_size: Size of the global batch, whatever the number of replicas.
        seed: As for `make_train_dataset`.
        epoch: From 0.
        step: Global batch of that epoch, from 0.
        shuffle: As for `make_train_dataset`, like the next.
        sampling: "natural" or "balanced".
        memory_budget_bytes: Likewise.

    Returns:
        Names relative to the folder of the split, in the order of the
        batch; numbers of examples where the records hold no names.
    """
    data = loading.open_split(
        data, split, memory_budget_bytes=memory_budget_bytes
    )
    example_order.check_sampling(sampling, shuffle, data)
    batching = batching_lib.make_batching(
        data.num_examples, batch_size, "keep", None
    )
    _check_place(epoch, step, batching.steps)
    order, rows = plan.order_and_rows(
        data, plan.make_key(seed, epoch), shuffle=shuffle, sampling=sampling
    )
    draws = batching_lib.Draws(order, rows, {}, shuffled=shuffle)
    steps = (tf.constant(step, tf.int64), tf.constant(step + 1, tf.int64))
    elements = data.elements(batching, draws, steps)
    names: tuple[str, ...] = ()
    for index, real, _, payload in elements:
        payload = tf.nest.map_structure(lambda value: value[real], payload)
        names += data.filenames_of(index[real], payload)
    return names


def _check_place(epoch: int, step: int, steps: int) -> None:
    if epoch < 0:
        raise ValueError(
            f"`epoch` must be 0 or more. Received: epoch={epoch!r}"
        )
    if not 0 <= step < steps:
        raise ValueError(
            f"`step` must be from 0 to {steps - 1}. Received: step={step!r}"
        )
