"""Where samples come from: the catalogue, its loaders, and scenarios that divide them among clients."""

from astraea.data.catalogue import dataset_names, load_dataset
from astraea.data.dataset import Dataset, Samples
from astraea.data.loaders import Loader
from astraea.data.loaders.arrays import from_arrays
from astraea.data.scenario import Scenario, ScenarioSettings, build_scenario

__all__ = [
    "Dataset",
    "Loader",
    "Samples",
    "Scenario",
    "ScenarioSettings",
    "build_scenario",
    "dataset_names",
    "from_arrays",
    "load_dataset",
]
