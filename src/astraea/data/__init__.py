"""Where samples come from: the catalogue, its loaders, and scenarios that divide them among clients."""

from astraea.data.catalogue import DATASETS, DataSettings, dataset_names, load_dataset
from astraea.data.dataset import Dataset, Samples
from astraea.data.loaders.arrays import from_arrays

__all__ = ["DATASETS", "DataSettings", "Dataset", "Samples", "dataset_names", "from_arrays", "load_dataset"]
