"""Batches for training and evaluation, addressable by (epoch, step).

One pass over a dataset is one epoch. A batch is one gather from the split in
memory, one function over the whole batch, and a prefetch:

    ds = pipeline.make_train_dataset(builder, "train", config, batch_size=32)
    model.fit(ds, epochs=5)
"""

import dataclasses

import tensorflow as tf

from pipeline import augment
from pipeline import config as config_lib
from pipeline import labels as labels_lib
from pipeline import plan
from pipeline import records

REMAINDERS = ("keep", "pad", "drop")


@dataclasses.dataclass(frozen=True)
class _Batching:
    """How global batches are cut; validated, and split over the replicas."""

    num_examples: int
    batch_size: int
    remainder: str
    num_replicas: int
    first_replica: int
    local_replicas: int

    @property
    def steps(self):
        """Global batches in an epoch."""
        whole, rest = divmod(self.num_examples, self.batch_size)
        return whole + bool(rest and self.remainder != "drop")

    @property
    def per_replica(self):
        """Static batch size of one element."""
        return -(-self.batch_size // self.num_replicas)

    def positions(self, element):
        """Returns places in the epoch's order, and which of them are real.

        Args:
            element: int64 scalar: elements count through the local replicas
                of a step, then through the steps.

        Returns:
            int64 and bool `[per_replica]`.
        """
        step = element // self.local_replicas
        replica = self.first_replica + element % self.local_replicas
        in_batch = replica * self.per_replica + tf.range(
            self.per_replica, dtype=tf.int64
        )
        positions = step * self.batch_size + in_batch
        real = (in_batch < self.batch_size) & (positions < self.num_examples)
        return tf.minimum(positions, self.num_examples - 1), real


def make_train_dataset(
    data,
    split,
    config=None,
    *,
    batch_size=32,
    seed=0,
    epoch=0,
    step=0,
    label_mode="categorical",
    remainder="keep",
    sample_weight=False,
    shuffle=True,
    ctx=None,
    num_parallel_calls=tf.data.AUTOTUNE,
    memory_budget_bytes=records.DEFAULT_MEMORY_BUDGET_BYTES,
):
    """Makes an augmented dataset whose every pass is the next epoch.

    Order and augmentation are pure functions of (`seed`, epoch, example). The
    first pass is epoch `epoch` from batch `step` on, each later pass the whole
    next epoch. A pass counts when it begins: also the one in which Keras looks
    at the first batch before `fit` trains.

    Args:
        data: TFDS builder, its prepared directory, or a loaded `Split`.
        split: Name of the split, such as "train".
        config: `AugmentConfig`; None leaves images as they are, in float32.
        batch_size: Size of the global batch.
        seed: int.
        epoch: int, epoch of the first pass.
        step: int, global batch at which the first pass starts.
        label_mode: "categorical", "binary", "sparse", "input" or None; as
            `class_mode` of `flow_from_directory`.
        remainder: What becomes of a last batch that is not full: "keep" yields
            fewer examples, "pad" repeats one with weight 0, "drop" skips it.
        sample_weight: Whether elements carry weights; "pad" always does.
        shuffle: Whether each epoch has a fresh uniform order.
        ctx: `tf.distribute.InputContext`; the dataset then yields the batches
            of this worker's replicas in turn, each `ceil(batch_size /
            replicas)` examples, padded if there are several replicas.
        num_parallel_calls: Batches computed at once; does not change them.
        memory_budget_bytes: Most bytes the decoded split may take.

    Returns:
        `tf.data.Dataset` of `(image, label)` or `(image, label, sample_weight)`
        with images `[batch, height, width, channels]`, labels and weights
        float32; without label for mode None.
    """
    data = records.load_split(
        data, split, memory_budget_bytes=memory_budget_bytes
    )
    config = config or config_lib.AugmentConfig()
    labels_lib.check_label_mode(label_mode)
    batching = _make_batching(data, batch_size, remainder, ctx)
    _check_start(epoch, step, batching.steps)
    weighted = sample_weight or batching.remainder == "pad"

    def make_epoch(epoch, first_step):
        order, params = plan.epoch_plan(
            seed,
            epoch,
            num_examples=data.num_examples,
            image_shape=_image_shape(data, config),
            config=config,
            shuffle=shuffle,
        )

        def make_batch(element):
            positions, real = batching.positions(element)
            return _make_batch(
                data,
                tf.gather(order, positions),
                real,
                params,
                config,
                label_mode=label_mode,
                weighted=weighted,
                trim=_has_partial_batch(batching),
            )

        elements = tf.data.Dataset.range(
            first_step * batching.local_replicas,
            batching.steps * batching.local_replicas,
        )
        return elements.map(
            make_batch,
            num_parallel_calls=num_parallel_calls,
            deterministic=True,
        )

    ds = _count_passes(epoch, step).flat_map(make_epoch)
    if not step:
        cardinality = batching.steps * batching.local_replicas
        ds = ds.apply(tf.data.experimental.assert_cardinality(cardinality))
    return ds.with_options(_options()).prefetch(tf.data.AUTOTUNE)


def make_eval_dataset(
    data,
    split,
    config=None,
    *,
    batch_size=32,
    label_mode="categorical",
    remainder="keep",
    sample_weight=False,
    ctx=None,
    num_parallel_calls=tf.data.AUTOTUNE,
    memory_budget_bytes=records.DEFAULT_MEMORY_BUDGET_BYTES,
):
    """Makes a dataset that yields each example once, in file order.

    Images are normalised by `config` but never augmented; every pass is the
    same. Arguments are those of `make_train_dataset`.

    Returns:
        `tf.data.Dataset`, as `make_train_dataset` describes it.
    """
    config = config or config_lib.AugmentConfig()
    return make_train_dataset(
        data,
        split,
        config.without_augmentation(),
        batch_size=batch_size,
        label_mode=label_mode,
        remainder=remainder,
        sample_weight=sample_weight,
        shuffle=False,
        ctx=ctx,
        num_parallel_calls=num_parallel_calls,
        memory_budget_bytes=memory_budget_bytes,
    )


def _make_batch(
    data, index, real, params, config, *, label_mode, weighted, trim
):
    """Computes one element from the listing indices of its examples."""
    images = tf.gather(data.images, index)
    params = {
        name: tf.gather(value, index) if tf.is_tensor(value) else value
        for name, value in params.items()
    }
    images = augment.apply_transform(images, params, config)
    images = augment.standardize(images, config)
    labels = tf.gather(tf.constant(data.labels), index)
    weights = tf.cast(real, tf.float32) if weighted else None
    if trim:
        # Computed at full size first: XLA then compiles one shape only.
        size = tf.reduce_sum(tf.cast(real, tf.int32))
        images, labels = images[:size], labels[:size]
        weights = None if weights is None else weights[:size]
    return labels_lib.make_element(
        tf.cast(images, config.dtype),
        labels,
        weights,
        label_mode=label_mode,
        num_classes=len(data.class_names),
        dtype=config.dtype,
    )


def _make_batching(data, batch_size, remainder, ctx):
    """Validates sizes and returns the `_Batching` of this worker."""
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a positive int. "
            f"Received: batch_size={batch_size!r}"
        )
    if remainder not in REMAINDERS:
        raise ValueError(
            f"`remainder` must be one of {', '.join(REMAINDERS)}. "
            f"Received: remainder={remainder!r}"
        )
    replicas = ctx.num_replicas_in_sync if ctx else 1
    workers = ctx.num_input_pipelines if ctx else 1
    if replicas % workers:
        raise ValueError(
            "`ctx` must have equally many replicas on each input pipeline. "
            f"Received: {replicas} replicas on {workers} input pipelines"
        )
    local = replicas // workers
    if replicas == 1:
        # A batch larger than the split would only compute padding.
        if remainder == "keep":
            batch_size = min(batch_size, data.num_examples)
    elif remainder == "keep" or batch_size % replicas:
        remainder = "pad" if remainder == "keep" else remainder
    return _Batching(
        num_examples=data.num_examples,
        batch_size=batch_size,
        remainder=remainder,
        num_replicas=replicas,
        first_replica=(ctx.input_pipeline_id if ctx else 0) * local,
        local_replicas=local,
    )


def _has_partial_batch(batching):
    return (
        batching.remainder == "keep"
        and batching.num_examples % batching.batch_size != 0
    )


def _check_start(epoch, step, steps):
    if epoch < 0:
        raise ValueError(
            f"`epoch` must be 0 or more. Received: epoch={epoch!r}"
        )
    if not 0 <= step <= steps:
        raise ValueError(
            f"`step` must be from 0 to {steps}, the steps of an epoch. "
            f"Received: step={step!r}"
        )


def _image_shape(data, config):
    height, width, channels = data.image_shape
    if config.data_format == "channels_first":
        return channels, height, width
    return height, width, channels


def _count_passes(epoch, step):
    """Returns a dataset of one element: the epoch and first step of this pass.

    The count is a resource outside the dataset, since a dataset restarts from
    nothing in every pass. A hash table is one that no `tf.distribute` strategy
    intercepts, so the dataset may be made within a strategy's scope.
    """
    with tf.init_scope(), tf.device("CPU:0"):
        passes = tf.lookup.experimental.MutableHashTable(
            tf.int64, tf.int64, default_value=0
        )

    def begin(key):
        count = passes.lookup(key)
        passes.insert(key, count + 1)
        first_step = tf.where(count == 0, tf.constant(step, tf.int64), 0)
        return epoch + count, first_step

    return tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).map(begin)


def _options():
    options = tf.data.Options()
    options.deterministic = True
    # Replicas take their share by example, from the order of the epoch.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options
