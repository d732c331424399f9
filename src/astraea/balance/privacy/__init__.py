"""What a server is told of its clients' label histograms: one file a way."""

from __future__ import annotations

from astraea.balance.privacy.base import HistogramPrivacy, Plain, PrivacySettings, Told
from astraea.balance.privacy.local_dp import LocalDP
from astraea.balance.privacy.secure_sum import SecureSum

__all__ = ["HistogramPrivacy", "LocalDP", "Plain", "PrivacySettings", "SecureSum", "Told"]
