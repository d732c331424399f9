from astraea.congestion.compiled import inlined as inlined
from astraea.congestion.connection.record import Connection as Connection
from astraea.congestion.contract import check_controller as check_controller
from astraea.congestion.controllers.controller import Controller as Controller
from astraea.congestion.controllers.controller import Events as Events
from astraea.congestion.environment.parallel import CongestionEnv as CongestionEnv
from astraea.congestion.environment.parallel import parallel_env as parallel_env
from astraea.congestion.environment.vector import VectorEnvironment as VectorEnvironment
from astraea.congestion.environment.worlds import WorldRanges as WorldRanges
from astraea.congestion.metrics.score import Score as Score
from astraea.congestion.metrics.score import ScoreSettings as ScoreSettings
from astraea.congestion.metrics.score import score as score
from astraea.congestion.observation.features import ObservationSettings as ObservationSettings
from astraea.congestion.play import simulate as simulate
from astraea.congestion.policy.policy import Policy as Policy
from astraea.congestion.policy.policy import load_policy as load_policy
from astraea.congestion.reward import RewardSettings as RewardSettings
from astraea.congestion.simulator.results import Result as Result
from astraea.congestion.simulator.settings import (
    FlowSettings as FlowSettings,
)
from astraea.congestion.simulator.settings import (
    LinkSettings as LinkSettings,
)
from astraea.congestion.simulator.settings import (
    WorldSettings as WorldSettings,
)
from astraea.congestion.simulator.topology import dumbbell as dumbbell

__all__: list[str]
