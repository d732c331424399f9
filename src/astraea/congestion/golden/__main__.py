"""Write the traces anew: ``python -m astraea.congestion.golden``."""

from __future__ import annotations

import json
from pathlib import Path

from astraea.congestion.golden.path import PATHS, recorded
from astraea.congestion.golden.traces import FILE
from astraea.congestion.observation.features import OBSERVATION_VERSION
from astraea.files import write_text

traces = [recorded(path) for path in PATHS]
lines = ",\n".join(json.dumps(trace, separators=(",", ":")) for trace in traces)
text = f'{{"observation_version":{OBSERVATION_VERSION},"traces":[\n{lines}\n]}}\n'
write_text(Path(__file__).with_name(FILE), text)
