"""How the examples of an epoch are cut into batches and shared out."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias
from typing import get_args

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import checks

Remainder = Literal["keep", "pad", "drop"]
REMAINDERS: tuple[str, ...] = get_args(Remainder)

# int64 scalars: the first step of an epoch that is wanted, and that after the
# last.
Steps: TypeAlias = "tuple[tf.Tensor, tf.Tensor]"


class Draws(NamedTuple):
    """Which examples an epoch draws, and how each is transformed.

    Attributes:
        order: int64 `[num_examples]`, numbers of examples in the order of the
            epoch.
        rows: int64 `[num_examples]`, in the same order, the row of `params`
            that each draw takes.
        params: Parameters by name, each `[num_examples]`; those of transforms
            that are off are left out.
        shuffled: Whether the order is anything but 0, 1, ...
    """

    order: tf.Tensor
    rows: tf.Tensor
    params: dict[str, tf.Tensor]
    shuffled: bool


@dataclasses.dataclass(frozen=True)
class Batching:
    """The batches of an epoch, as far as one input pipeline makes them.

    Attributes:
        num_examples: Size of the split.
        batch_size: Size of the global batch.
        remainder: What becomes of a last batch that is not full.
        num_replicas: Over how many a global batch is shared out.
        first_replica: First of those that this pipeline feeds.
        local_replicas: How many it feeds.
    """

    num_examples: int
    batch_size: int
    remainder: Remainder
    num_replicas: int = 1
    first_replica: int = 0
    local_replicas: int = 1

    @property
    def steps(self) -> int:
        """Global batches in an epoch."""
        whole, rest = divmod(self.num_examples, self.batch_size)
        return whole + bool(rest and self.remainder != "drop")

    @property
    def elements(self) -> int:
        """Elements in an epoch: a batch for each local replica and step."""
        return self.steps * self.local_replicas

    @property
    def per_replica(self) -> int:
        """Static batch size of one element."""
        return -(-self.batch_size // self.num_replicas)

    @property
    def has_partial(self) -> bool:
        """Whether the last batch is to be yielded with fewer examples."""
        rest = self.num_examples % self.batch_size
        return self.remainder == "keep" and rest != 0

    @property
    def has_padding(self) -> bool:
        """Whether elements may hold examples that do not count."""
        shared = self.num_replicas * self.per_replica
        return self.remainder == "pad" or shared != self.batch_size

    def positions(
        self, first_step: tf.Tensor, end_step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns places in the epoch's order, and which of them are real.

        Args:
            first_step: int64 scalar.
            end_step: int64 scalar, the step after the last.

        Returns:
            int64 and bool `[elements, per_replica]`: elements count through
            the local replicas of a step, then through the steps.
        """
        steps = tf.range(first_step, end_step, dtype=tf.int64)
        starts = steps[:, None, None] * self.batch_size
        sizes = tf.minimum(self.num_examples - starts, self.batch_size)
        places, real = self._places(sizes)
        shape = [-1, self.per_replica]
        return tf.reshape(starts + places, shape), tf.reshape(real, shape)

    def share(self, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns places in one global batch, and which of them are real.

        Args:
            size: int64 scalar, number of examples in the batch.

        Returns:
            int64 and bool `[local_replicas, per_replica]`.
        """
        return self._places(size)

    def _places(self, sizes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns places in global batches, and which of them are real.

        Replicas get equally many real examples, or one more, in the order of
        the batch: none is without work in the last batch of an epoch, nor
        waits for one that has it all. The padding behind them goes on through
        the batch and begins it again. So where there are fewer examples than
        replicas, the first `size` places of each replica hold all of them.

        Args:
            sizes: int64, sizes of batches; a scalar, or `[steps, 1, 1]`.

        Returns:
            int64 and bool `[..., local_replicas, per_replica]`.
        """
        replicas: npt.NDArray[np.int64] = np.arange(self.local_replicas)
        replicas = self.first_replica + replicas[:, None]
        starts = replicas * sizes // self.num_replicas
        ends = (replicas + 1) * sizes // self.num_replicas
        places = starts + np.arange(self.per_replica)
        return places % sizes, places < ends


def make_batching(
    num_examples: int,
    batch_size: int,
    remainder: Remainder,
    ctx: tf.distribute.InputContext | None,
) -> Batching:
    """Validates its arguments and returns the `Batching` of one pipeline.

    Args:
        num_examples: Size of the split.
        batch_size: Size of the global batch.
        remainder: What becomes of a last batch that is not full; several
            replicas pad what one would keep.
        ctx: The strategy's context on this worker, if there is one.
    """
    if not isinstance(batch_size, numbers.Integral) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a positive int. "
            f"Received: batch_size={batch_size!r}"
        )
    batch_size = int(batch_size)
    checks.check_choice("remainder", remainder, REMAINDERS)
    if ctx is None or ctx.num_replicas_in_sync == 1:
        if remainder == "keep":
            # A batch larger than the split would only compute padding.
            batch_size = min(batch_size, num_examples)
        return Batching(num_examples, batch_size, remainder)
    replicas, pipelines = ctx.num_replicas_in_sync, ctx.num_input_pipelines
    if replicas % pipelines:
        raise ValueError(
            "`ctx` must have equally many replicas on each input pipeline. "
            f"Received: {replicas} replicas on {pipelines} input pipelines"
        )
    local = replicas // pipelines
    return Batching(
        num_examples,
        batch_size,
        "pad" if remainder == "keep" else remainder,
        replicas,
        ctx.input_pipeline_id * local,
        local,
    )
