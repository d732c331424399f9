"""What a sender measures and decides: its record, interval statistics, constants, and the window that a policy drives.

Simulator, controllers, observation and environment stand on it, and it on none of them: whatever runs a connection,
a simulation or a kernel, keeps this record and calls these functions.
"""
