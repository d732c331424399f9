"""Golden traces: what a sender was told, and what it must make of it, bit for bit, wherever it runs.

A trace holds the acknowledgements and events of a connection, and at the end of each control interval the interval's
counters, the features, the action and the window. ``python -m astraea.congestion.golden`` writes them anew: do this
only when observation, policy or window change on purpose.
"""
