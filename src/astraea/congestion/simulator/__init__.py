"""The packet-level simulator."""
