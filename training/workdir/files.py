"""The names of the files in the directory of a run."""

RUN_FILE = "run.json"
FLAGS_FILE = "flags.flagfile"
METRICS_FILE = "metrics.jsonl"
MODEL_FILE = "model.keras"
BEST_MODEL_FILE = "best.keras"
MODEL_INFO_FILE = "model.json"
STATISTICS_FILE = "statistics.npz"
CURVES_FILE = "curves.png"
CONTACT_SHEET_FILE = "contact_sheet.png"
TENSORBOARD_DIR = "tensorboard"
CHECKPOINTS_DIR = "checkpoints"
RUNS_DIR = "runs"

# Of which epoch a model is, in the comment of its file; Keras reads none.
EPOCH_MARK = "epoch "

ALL = (
    RUN_FILE,
    FLAGS_FILE,
    METRICS_FILE,
    MODEL_FILE,
    BEST_MODEL_FILE,
    MODEL_INFO_FILE,
    STATISTICS_FILE,
    CURVES_FILE,
    CONTACT_SHEET_FILE,
    TENSORBOARD_DIR,
    CHECKPOINTS_DIR,
)
