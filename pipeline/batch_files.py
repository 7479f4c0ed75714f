"""Which files a batch was made of."""

import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import example_order
from pipeline import plan
from pipeline import splits
from pipeline import streaming


def filenames_of_step(
    data,
    split,
    *,
    batch_size=32,
    seed=0,
    epoch=0,
    step=0,
    shuffle=True,
    sampling="natural",
    memory_budget_bytes=splits.DEFAULT_MEMORY_BUDGET_BYTES,
):
    """Returns the names of the files in a batch of `make_train_dataset`.

    Args:
        data: TFDS builder, its prepared directory, or an opened split.
        split: Name of the split, such as "train".
        batch_size: Size of the global batch, whatever the number of replicas.
        seed: int.
        epoch: int, from 0.
        step: int, global batch of that epoch, from 0.
        shuffle: As for `make_train_dataset`, like the next.
        sampling: "natural" or "balanced".
        memory_budget_bytes: Likewise.

    Returns:
        Tuple of names relative to the folder of the split, in the order of the
        batch; numbers of examples where the records hold no names.
    """
    data = streaming.open_split(
        data, split, memory_budget_bytes=memory_budget_bytes
    )
    example_order.check_sampling(
        sampling, shuffle, data.read_labels, data.class_names
    )
    batching = batching_lib.make_batching(
        data.num_examples, batch_size, "keep", None
    )
    if epoch < 0:
        raise ValueError(
            f"`epoch` must be 0 or more. Received: epoch={epoch!r}"
        )
    if not 0 <= step < batching.steps:
        raise ValueError(
            f"`step` must be from 0 to {batching.steps - 1}. "
            f"Received: step={step!r}"
        )
    order, rows = plan.draw_order(
        data, plan.make_key(seed, epoch), shuffle=shuffle, sampling=sampling
    )
    steps = (tf.constant(step, tf.int64), tf.constant(step + 1, tf.int64))
    elements = data.elements(batching, order, rows, {}, steps, shuffle)
    names: tuple[str, ...] = ()
    for index, real, _, payload in elements:
        payload = tf.nest.map_structure(lambda value: value[real], payload)
        names += data.filenames_of(index[real], payload)
    return names
