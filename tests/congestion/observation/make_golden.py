"""Write golden.json anew: ``python tests/congestion/observation/make_golden.py``.

Do this only together with a higher ``OBSERVATION_VERSION``: a kernel or a trained policy relies on these numbers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from test_features import observed

from astraea.congestion.observation import FEATURES
from astraea.congestion.observation.frames import FRAME


def measured(rng: np.random.Generator, count: int) -> list[dict[str, int]]:
    """Return ``count`` frames of a flow on a path of 1 to 500 ms whose queue, losses and window vary."""
    base = int(np.exp(rng.uniform(np.log(1e3), np.log(5e5))))
    frames = []
    for _ in range(count):
        rtt = base + int(rng.exponential(base / 2))
        duration = max(30_000, rtt // 2)
        window = int(rng.integers(4 * 1024, 2000 * 1024))
        sent = max(window * duration // (1024 * rtt), 1)
        lost = int(rng.binomial(sent, rng.choice([0.0, 0.01, 0.3])))
        delivered = max(sent - lost, 1)
        values = {
            "duration": duration,
            "sent": sent,
            "delivered": delivered,
            "lost": lost,
            "resent": int(rng.integers(0, lost + 1)),
            "acks": max(delivered // int(rng.integers(1, 3)), 1),
            "rtt_sum": delivered * rtt,
            "rtt_step_sum": int(rng.integers(0, delivered * rtt // 20 + 1)),
            "rtt_low": base + int(rng.integers(0, rtt - base + 1)),
            "srtt": rtt,
            "base_rtt": base,
            "window": window,
            "inflight": window // 1024,
            "drain_left": int(rng.integers(0, 1025)),
            "pacing_rate": int(1.2 * window / 1024 * 1e6 / rtt),
            "rate_max": int(rng.integers(1, 1 << 28)),
        }
        frames.append({name: values[name] for name in FRAME.names or ()})
    return frames


def main() -> None:
    """Draw the cases and write what the observation makes of them."""
    rng = np.random.default_rng(20240722)
    cases = []
    for number, count in enumerate((1, 2, 5, 9, 16, 16, 23)):
        frames, weight, history = measured(rng, count), int(rng.choice([1024, 512, 5000])), (number % 7) + 1
        cases.append(
            {
                "name": f"case-{number}",
                "weight": weight,
                "history": history,
                "frames": frames,
                "features": {name: observed(frames, name, history, weight).tolist() for name in FEATURES},
            }
        )
    text = json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{")
    Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
