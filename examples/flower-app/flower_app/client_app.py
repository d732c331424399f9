"""The app that runs at every client."""

from __future__ import annotations

from astraea.flower import client_app
from flower_app.task import CLASSES, build_model, load_client

app = client_app(build_model, load_client, CLASSES)
