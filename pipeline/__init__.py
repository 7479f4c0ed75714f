"""`ImageDataGenerator` as an exact, fast and reproducible `tf.data` graph.

Data: `open_split` opens a prepared split, `load_split` one that must fit memory,
`Split.from_arrays` one that is there already; `select_subset` takes Keras's part
of it, `fingerprint` tells whether two hold the same.

Batches: `make_train_dataset` and `make_eval_dataset` make them, `epoch_plan` says
what an epoch holds, `filenames_of_step` which files a batch is of.

Transforms: `AugmentConfig` says which, `fit_statistics` what they need to know of
the data; `sample_params`, `apply_transform`, `random_transform`, `standardize`
and `augment_features` are what the datasets are made of.
"""

from pipeline.augment import apply_transform
from pipeline.augment import augment_features
from pipeline.augment import random_transform
from pipeline.augment import standardize
from pipeline.config import AugmentConfig
from pipeline.fingerprints import fingerprint
from pipeline.input_pipeline import make_eval_dataset
from pipeline.input_pipeline import make_train_dataset
from pipeline.naming import filenames_of_step
from pipeline.params import sample_params
from pipeline.plan import epoch_plan
from pipeline.records import Split
from pipeline.records import load_split
from pipeline.statistics import Statistics
from pipeline.statistics import fit_statistics
from pipeline.streaming import open_split
from pipeline.subsets import select_subset
