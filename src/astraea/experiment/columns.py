"""What the table of a comparison tells of each arm, from the summaries of its runs."""

from astraea.tables import Column

__all__ = ["COLUMNS", "SIMULATED"]

COLUMNS = (
    Column("accuracy_final", "accuracy, final (%)", 100.0),
    Column("accuracy_best", "best (%)", 100.0),
    Column("balanced_accuracy_final", "balanced (%)", 100.0),
    Column("tail_recall", "rarest quarter (%)", 100.0),
    Column("worst_decile_client_accuracy", "worst tenth of clients (%)", 100.0),
    Column("samples_processed", "samples (k)", 1e-3, 0, spread=False),
    Column("critical_path_steps", "critical-path steps (k)", 1e-3, 1, spread=False),
    Column("bytes_sent", "sent (MB)", 1e-6, 0, spread=False),
    Column("storage_overhead", "extra storage (%)", 100.0, 0, spread=False),
)
"""What a comparison's table tells of each arm."""

SIMULATED = Column("simulated_seconds", "simulated (s)", 1.0, 0)
"""What it tells besides where every run has a network."""
