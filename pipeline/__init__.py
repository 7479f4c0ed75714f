"""`ImageDataGenerator` as an exact, fast and reproducible `tf.data` graph.

Each name is imported when it is first used (PEP 562), so that an
`AugmentConfig` is built, or refused, before TensorFlow has loaded.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from pipeline.augment import apply_transform as apply_transform
    from pipeline.augment import augment_features as augment_features
    from pipeline.augment import random_transform as random_transform
    from pipeline.augment import standardize as standardize
    from pipeline.batch_files import filenames_of_step as filenames_of_step
    from pipeline.config import AugmentConfig as AugmentConfig
    from pipeline.fingerprints import fingerprint as fingerprint
    from pipeline.input_pipeline import make_eval_dataset as make_eval_dataset
    from pipeline.input_pipeline import make_train_dataset as make_train_dataset
    from pipeline.loading import load_split as load_split
    from pipeline.loading import open_split as open_split
    from pipeline.params import sample_params as sample_params
    from pipeline.plan import epoch_plan as epoch_plan
    from pipeline.split import Split as Split
    from pipeline.statistics import Statistics as Statistics
    from pipeline.statistics import fit_statistics as fit_statistics
    from pipeline.subsets import select_subset as select_subset

# What a type checker reads above, for Python: each name and its module.
_MODULES = {
    "AugmentConfig": "config",
    "Split": "split",
    "Statistics": "statistics",
    "apply_transform": "augment",
    "augment_features": "augment",
    "epoch_plan": "plan",
    "filenames_of_step": "batch_files",
    "fingerprint": "fingerprints",
    "fit_statistics": "statistics",
    "load_split": "loading",
    "make_eval_dataset": "input_pipeline",
    "make_train_dataset": "input_pipeline",
    "open_split": "loading",
    "random_transform": "augment",
    "sample_params": "params",
    "select_subset": "subsets",
    "standardize": "augment",
}
__all__ = list(_MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# A type checker would take any name at all for one of a module that has this.
if not typing.TYPE_CHECKING:

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
        module = importlib.import_module(f"pipeline.{_MODULES[name]}")
        globals()[name] = value = getattr(module, name)
        return value
