"""Options of the network and of how it learns."""

from training.config import train
from training.config.options.option import Option

_DEFAULTS = train.TrainConfig

MODEL = (
    Option(
        "model",
        "string",
        "The network: lesson, residual, or any of keras.applications, such as "
        "EfficientNetB0.",
        default=_DEFAULTS.model,
    ),
    Option(
        "weights",
        "string",
        "File of initial weights: a model.keras of another run, or weights "
        "published for the network (.weights.h5, *_notop.h5).",
    ),
    Option(
        "mixed_precision",
        "enum",
        "What is computed in, with weights in float32.",
        default=_DEFAULTS.mixed_precision,
        choices=train.PRECISIONS,
    ),
)

LEARNING = (
    Option(
        "batch_size",
        "integer",
        "Images in a step, over all devices.",
        default=_DEFAULTS.batch_size,
    ),
    Option(
        "epochs",
        "integer",
        "How many times the training images are gone through.",
        default=_DEFAULTS.epochs,
    ),
    Option(
        "optimizer",
        "enum",
        "What changes the weights.",
        default=_DEFAULTS.optimizer,
        choices=train.OPTIMIZERS,
    ),
    Option(
        "learning_rate",
        "number",
        "The highest that the schedule reaches.",
        default=_DEFAULTS.learning_rate,
    ),
    Option(
        "schedule",
        "enum",
        "What becomes of the learning rate: it stays, falls to 0 at the end, "
        "or falls by --decay_rate an epoch.",
        default=_DEFAULTS.schedule,
        choices=train.SCHEDULES,
    ),
    Option(
        "warmup_epochs",
        "number",
        "Epochs in which the learning rate rises from 0; fractions too.",
        default=_DEFAULTS.warmup_epochs,
    ),
    Option(
        "decay_rate",
        "number",
        "Factor an epoch, with --schedule=exponential.",
        default=_DEFAULTS.decay_rate,
    ),
    Option(
        "weight_decay",
        "number",
        "Decoupled weight decay of adamw and sgd.",
        default=_DEFAULTS.weight_decay,
    ),
    Option(
        "momentum",
        "number",
        "Momentum of sgd, as Nesterov has it.",
        default=_DEFAULTS.momentum,
    ),
    Option(
        "label_smoothing",
        "number",
        "Share of each training label that is given to all classes alike.",
        default=_DEFAULTS.label_smoothing,
    ),
    Option(
        "clip_norm",
        "number",
        "Largest norm of all gradients together; 0 for any.",
        default=_DEFAULTS.clip_norm,
    ),
    Option(
        "ema_decay",
        "number",
        "Validate and save moving averages of the weights with this decay, "
        "such as 0.999; 0 for the weights themselves.",
        default=_DEFAULTS.ema_decay,
    ),
    Option(
        "class_weight",
        "class_weight",
        "What an example counts in the training loss: none, balanced, or JSON "
        'such as {"normal": 2, "pneumonia": 1}.',
        default=_DEFAULTS.class_weight,
    ),
    Option(
        "sampling",
        "enum",
        "Each example once an epoch, or each class equally often.",
        default=_DEFAULTS.sampling,
        choices=train.SAMPLINGS,
    ),
    Option(
        "monitor",
        "enum",
        "What the best epoch is the best of; its model is kept as best.keras.",
        default=_DEFAULTS.monitor,
        choices=train.MONITORS,
    ),
    Option(
        "early_stopping_patience",
        "integer",
        "Stop after so many epochs without a better one; 0 for never.",
        default=_DEFAULTS.early_stopping_patience,
    ),
)
