from astraea.network.files import load_network as load_network
from astraea.network.files import shipped_networks as shipped_networks
from astraea.network.settings import Network as Network
from astraea.network.timing import RoundTime as RoundTime
from astraea.network.timing import round_time as round_time

__all__: list[str]
