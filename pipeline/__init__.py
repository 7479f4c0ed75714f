"""`ImageDataGenerator` as an exact, fast and reproducible `tf.data` graph."""

from pipeline.augment import apply_transform
from pipeline.augment import augment_features
from pipeline.augment import random_transform
from pipeline.augment import standardize
from pipeline.batch_files import filenames_of_step
from pipeline.config import AugmentConfig
from pipeline.fingerprints import fingerprint
from pipeline.input_pipeline import make_eval_dataset
from pipeline.input_pipeline import make_train_dataset
from pipeline.loading import load_split
from pipeline.loading import open_split
from pipeline.params import sample_params
from pipeline.plan import epoch_plan
from pipeline.split import Split
from pipeline.statistics import Statistics
from pipeline.statistics import fit_statistics
from pipeline.subsets import select_subset
