from astraea.data.catalogue import load_dataset as load_dataset
from astraea.data.loaders.arrays import from_arrays as from_arrays
from astraea.data.scenario import Scenario as Scenario
from astraea.data.scenario import build_scenario as build_scenario
from astraea.errors import AstraeaError as AstraeaError
from astraea.experiment.compare import compare as compare
from astraea.experiment.comparison import Comparison as Comparison
from astraea.experiment.comparison import load_comparison as load_comparison
from astraea.experiment.export import export as export
from astraea.experiment.planning import plan as plan
from astraea.experiment.reached import time_to_accuracy as time_to_accuracy
from astraea.experiment.result import Result as Result
from astraea.experiment.result import load as load
from astraea.experiment.result import load_result as load_result
from astraea.experiment.run import run as run
from astraea.experiment.settings import RunSettings as RunSettings
from astraea.federation.loop import Callback as Callback

__version__: str
__all__: list[str]
