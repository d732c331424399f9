"""What a flow observes: integers in, integers out, the same in simulator, training and kernel."""

from astraea.congestion.observation.features import (
    FEATURES,
    OBSERVATION_VERSION,
    Feature,
    ObservationSettings,
    observe,
)

__all__ = ["FEATURES", "OBSERVATION_VERSION", "Feature", "ObservationSettings", "observe"]
