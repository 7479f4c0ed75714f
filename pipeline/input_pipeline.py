"""Batches for training and evaluation, addressable by (epoch, step).

One pass over a dataset is one epoch. A batch is one function of the split in
memory, and a prefetch:

    ds = pipeline.make_train_dataset(builder, "train", config, batch_size=32)
    model.fit(ds, epochs=5)
"""

from __future__ import annotations

from typing import Any
from typing import Literal
from typing import get_args

import tensorflow as tf

from pipeline import affine
from pipeline import augment
from pipeline import batching as batching_lib
from pipeline import checks
from pipeline import config as config_lib
from pipeline import data_source
from pipeline import epochs
from pipeline import example_order
from pipeline import intensity
from pipeline import labels as labels_lib
from pipeline import loading
from pipeline import params as params_lib
from pipeline import plan
from pipeline import preprocessing
from pipeline import statistics as statistics_lib
from pipeline import xla

Place = Literal["host", "device"]
PLACES: tuple[str, ...] = get_args(Place)


def make_train_dataset(
    data: loading.Data,
    split: str,
    config: config_lib.AugmentConfig | None = None,
    *,
    batch_size: int = 32,
    seed: int = 0,
    epoch: int = 0,
    step: int = 0,
    num_epochs: int | None = None,
    num_spans: int = 1,
    label_mode: labels_lib.LabelMode = "categorical",
    remainder: batching_lib.Remainder = "keep",
    sample_weight: bool = False,
    shuffle: bool = True,
    sampling: example_order.Sampling = "natural",
    statistics: statistics_lib.Statistics | None = None,
    augment_on: Place = "host",
    cache_on: Place = "host",
    ctx: tf.distribute.InputContext | None = None,
    jit_compile: bool = True,
    num_parallel_calls: int = tf.data.AUTOTUNE,
    memory_budget_bytes: int = loading.DEFAULT_MEMORY_BUDGET_BYTES,
) -> tf.data.Dataset:
    """Makes an augmented dataset whose every pass is the next epoch.

    Order and augmentation are pure functions of (`seed`, epoch, example). The
    first pass is epoch `epoch` from batch `step` on, each later pass the whole
    next epoch. A pass counts when it begins: also the one in which Keras looks
    at the first batch before `fit` trains.

    Args:
        data: TFDS builder, its prepared directory, or an opened split.
        split: Name of the split, such as "train".
        config: `AugmentConfig`; None leaves images as they are, in float32.
        batch_size: Size of the global batch.
        seed: Any; with the epoch, it decides all that is random.
        epoch: Epoch of the first pass.
        step: Global batch at which the first pass starts.
        num_epochs: None, or how many epochs every pass holds, from `epoch` and
            `step` on: a dataset without state, as tf.data service needs it.
        num_spans: With `num_epochs`, into how many parts an epoch is cut for
            the service to hand out. Each costs a plan of the epoch; of TFRecord
            files that are read as needed each begins at the start.
        label_mode: "categorical", "binary", "sparse", "input" or None; as
            `class_mode` of `flow_from_directory`.
        remainder: What becomes of a last batch that is not full: "keep" yields
            fewer examples, "pad" repeats them with weight 0, "drop" skips it.
        sample_weight: Whether elements carry weights; "pad" always does.
        shuffle: Whether each epoch has a fresh uniform order.
        sampling: "natural", each example once an epoch; or "balanced", as many
            draws, but each class equally often
            (`example_order.balanced_order`), and an example that is drawn twice
            transformed in two ways. Not for TFRecord files beyond the memory
            budget.
        statistics: `Statistics`, where `config` needs them: `fit_statistics`.
        augment_on: "host", or "device" to leave the transforms to the training
            step: elements then hold, in place of images, a dictionary of uint8
            images and parameters, for `augment_features`.
        cache_on: "host", or "device" if the images are there already: the
            dictionary then holds their numbers in place of images. Only with
            `augment_on="device"`, and for a split that fits the budget.
        ctx: `tf.distribute.InputContext`; the dataset then yields the batches
            of this worker's replicas in turn, each `ceil(batch_size /
            replicas)` examples, padded if there are several replicas, who get
            equally many real ones or one more.
        jit_compile: Whether XLA compiles the transforms, several times faster;
            switch it off where TensorFlow has no XLA for the host.
        num_parallel_calls: Batches computed at once; does not change them.
        memory_budget_bytes: Most bytes the decoded split may take to be kept in
            memory. Beyond it batches are read as needed: from ArrayRecord files
            in a full permutation, from TFRecord files by shuffled shards and a
            window. Examples are then numbered as recorded, not as listed.

    Returns:
        `tf.data.Dataset` of `(image, label)` or `(image, label, sample_weight)`
        with images `[batch, height, width, channels]`, labels and weights
        float32; without label for mode None.
    """
    data = loading.open_split(
        data, split, memory_budget_bytes=memory_budget_bytes
    )
    config = config or config_lib.AugmentConfig()
    _check_places(augment_on, cache_on, label_mode, data)
    if config.preprocessing_function is not None:
        # Now, also where a training step is to call it.
        preprocessing.as_graph_function(
            config.preprocessing_function, plan.image_shape(data, config)
        )
    example_order.check_sampling(sampling, shuffle, data)
    batching = batching_lib.make_batching(
        data.num_examples, batch_size, remainder, ctx
    )
    maker = labels_lib.ElementMaker(
        label_mode,
        num_classes=len(data.class_names),
        dtype=config.dtype,
        weighted=sample_weight or batching.has_padding,
        trim=batching.has_partial,
    )
    ds = epochs.make_spans(
        epoch, step, batching.steps, num_epochs=num_epochs, num_spans=num_spans
    )

    def make_span(
        epoch: tf.Tensor, first_step: tf.Tensor, end_step: tf.Tensor
    ) -> tf.data.Dataset:
        key = plan.make_key(seed, epoch)
        draws = plan.draw_epoch(
            data, config, key, shuffle=shuffle, sampling=sampling
        )
        return data.elements(batching, draws, (first_step, end_step))

    def make_batch(
        index: tf.Tensor,
        real: tf.Tensor,
        drawn: params_lib.Params,
        payload: Any,
    ) -> Any:
        features, labels = _fetch(data, index, payload, augment_on == cache_on)
        features["params"] = drawn
        features |= _find_extremes(data, index, drawn, jit_compile)
        if augment_on == "host":
            features = augment.augment_features(
                features,
                config,
                statistics,
                images=data.images,
                jit_compile=jit_compile,
            )
        return maker.make_element(features, labels, real)

    # What a pass does once is kept apart from what it does for each batch: the
    # larger function would else be prepared twice whenever a pass begins.
    ds = ds.flat_map(xla.without_autograph(make_span))
    ds = ds.map(
        xla.without_autograph(make_batch),
        num_parallel_calls=num_parallel_calls,
        deterministic=True,
    )
    if not step and num_spans == 1:
        number = batching.elements * (num_epochs or 1)
        ds = ds.apply(tf.data.experimental.assert_cardinality(number))
    return ds.with_options(make_options()).prefetch(tf.data.AUTOTUNE)


def make_eval_dataset(
    data: loading.Data,
    split: str,
    config: config_lib.AugmentConfig | None = None,
    *,
    batch_size: int = 32,
    label_mode: labels_lib.LabelMode = "categorical",
    remainder: batching_lib.Remainder = "keep",
    sample_weight: bool = False,
    statistics: statistics_lib.Statistics | None = None,
    augment_on: Place = "host",
    cache_on: Place = "host",
    ctx: tf.distribute.InputContext | None = None,
    jit_compile: bool = True,
    num_parallel_calls: int = tf.data.AUTOTUNE,
    memory_budget_bytes: int = loading.DEFAULT_MEMORY_BUDGET_BYTES,
) -> tf.data.Dataset:
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
        # A state, where passes are alike, would only stand in the way of
        # parallel work where TensorFlow is to be deterministic.
        num_epochs=1,
        statistics=statistics,
        augment_on=augment_on,
        cache_on=cache_on,
        ctx=ctx,
        jit_compile=jit_compile,
        num_parallel_calls=num_parallel_calls,
        memory_budget_bytes=memory_budget_bytes,
    )


def _fetch(
    data: data_source.DataSource,
    index: tf.Tensor,
    payload: Any,
    is_there: bool,
) -> tuple[dict[str, Any], tf.Tensor]:
    """Returns what images are made of, and labels; numbers if all are there."""
    images, labels = data.fetch(index, payload)  # What is unused is pruned.
    if data.images is None or not is_there:
        return {"image": images}, labels
    return {"index": index}, labels


def _find_extremes(
    data: data_source.DataSource,
    index: tf.Tensor,
    params: params_lib.Params,
    jit_compile: bool,
) -> dict[str, Any]:
    """Returns what a channel shift needs of images that stay as they are."""
    stays = data.images is not None and affine.is_identity(params)
    if not stays or params_lib.is_off(params, "channel_shift_intensity"):
        return {}
    # Now, while the graph is made, and not again in every epoch.
    with tf.init_scope(), tf.device("CPU:0"):
        find = xla.compile_if(jit_compile, intensity.column_extremes)
        found = find(data.images)
    return {"extremes": tuple(tf.gather(extremes, index) for extremes in found)}


def _check_places(
    augment_on: Place,
    cache_on: Place,
    label_mode: labels_lib.LabelMode,
    data: data_source.DataSource,
) -> None:
    """Checks what is to happen on the host and what on the device."""
    checks.check_choice("augment_on", augment_on, PLACES)
    checks.check_choice("cache_on", cache_on, PLACES)
    if augment_on == "device" and label_mode == "input":
        raise ValueError(
            "`label_mode` must not be 'input' with augment_on='device': the "
            "images do not exist yet. Received: label_mode='input'"
        )
    if cache_on == "device" and augment_on == "host":
        raise ValueError(
            "`cache_on` must be 'host' unless augment_on='device'. "
            "Received: cache_on='device', augment_on='host'"
        )
    if cache_on == "device" and data.images is None:
        raise ValueError(
            "`cache_on` must be 'host' for a split larger than "
            "`memory_budget_bytes`. Received: cache_on='device'"
        )


def make_options() -> tf.data.Options:
    """Returns the options of a dataset whose batches are all made."""
    options = tf.data.Options()
    options.deterministic = True
    # To rewrite the graph, each pass would serialise it with the split in it:
    # twice the memory, and .4 s for 268 MB. Nothing is left to rewrite.
    options.experimental_optimization.apply_default_optimizations = False
    # Replicas take their share by example, from the order of the epoch.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options
