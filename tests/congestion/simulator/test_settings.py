"""Bad input is refused in one sentence that says how to mend it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from astraea.congestion import simulate
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, RandomWalk, WorldSettings
from astraea.errors import InputError


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"links": [{"capacity_mbps": 0}]}, "links.0.capacity_mbps: Input should be greater than 0"),
        ({"links": [{"capacity_mbps": -5}]}, "links.0.capacity_mbps: Input should be greater than 0"),
        ({"links": [{"capacity_mbps": float("nan")}]}, "links.0.capacity_mbps: Input should be"),
        ({"links": [{"delay_ms": -1}]}, "links.0.delay_ms: Input should be greater than or equal to 0"),
        ({"links": [{"loss": 1.0}]}, "links.0.loss: Input should be less than 1"),
        ({"links": [{"buffer_bytes": 1499}]}, "holds 1499 bytes, less than a packet of 1500: nothing could pass"),
        ({"links": []}, "links: Tuple should have at least 1 item"),
        ({"links": [{}, {}]}, "two links are called 'bottleneck': give each its own name"),
        (
            {"links": [{"walk": {"low_mbps": 9, "high_mbps": 3}}]},
            "links.0.walk: low_mbps 9.0 is above high_mbps",
        ),
        ({"links": [{"walk": {}, "steps": [(0, 5)]}]}, "link 'bottleneck' has several of steps, walk and trace"),
        ({"flows": []}, "flows: Tuple should have at least 1 item"),
        ({"flows": [{}] * 5000}, "flows: Tuple should have at most 4096 items"),
        ({"flows": [{"name": "a"}, {"name": "a"}]}, "two flows are called 'a': give each its own name"),
        ({"flows": [{"controller": "cubik"}]}, "unknown controller 'cubik'; did you mean 'cubic'?"),
        ({"flows": [{"path": ["botleneck"]}]}, "unknown link 'botleneck'; did you mean 'bottleneck'?"),
        ({"flows": [{"start_s": 40}]}, "flow 'cubic-0' starts at 40.0 s, but ends at 30.0 s: it would never send"),
        ({"flows": [{"start_s": 4, "end_s": 3}]}, "starts at 4.0 s, but ends at 3.0 s"),
        ({"flows": [{"rtt_ms": 10}]}, "has an rtt of 10.0 ms, but its path takes 15.0 ms one way"),
        ({"flows": [{"size_bytes": 0}]}, "flows.0.size_bytes: Input should be greater than or equal to 1"),
        ({"flows": [{"transfer_bytes": 9, "app_mbps": 1}]}, "a flow has either transfers or an application's rate"),
        ({"flows": [{"colour": "red"}]}, "flows.0: unknown setting 'colour'"),
        ({"duration_s": 0}, "duration_s: Input should be greater than 0"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"interval_ms": 0.5}, "interval_ms is 0.5: choose at least 1 ms, or 0"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=re.escape(complaint)) as caught:
        simulate(**settings)
    assert "\n" not in str(caught.value)


def test_settings_are_frozen_and_described() -> None:
    for model in (LinkSettings, FlowSettings, WorldSettings, RandomWalk):
        assert model.model_config["frozen"]
        assert all(field.description for field in model.model_fields.values())


def test_settings_survive_a_round_trip() -> None:
    settings = WorldSettings(links=[{"steps": [(0, 5), (1, 8)]}], flows=[{"rtt_ms": 50, "path": ["bottleneck"]}])
    assert WorldSettings(**settings.model_dump()) == settings
    assert WorldSettings.model_validate_json(settings.model_dump_json()) == settings
