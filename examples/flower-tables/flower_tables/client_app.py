"""The app that runs at every node."""

from __future__ import annotations

from astraea.flower.tables import table_app
from flower_tables.task import TERMS, TEST_SHARE, build_model, load_table

app = table_app(build_model, load_table, TERMS, test_share=TEST_SHARE)
