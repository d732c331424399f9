"""Evaluating controllers: suites of worlds, every arm in the same ones, tables of what came out.

Every world has one first-in-first-out queue a link that drops what does not fit, never fair queueing, and on every
path jitter and aggregated acknowledgements (:data:`astraea.congestion.evaluation.suite.CONDITIONS`). A suite is a value
(:class:`~astraea.congestion.evaluation.suite.Suite`) and has one line in the catalogue.
"""
