"""A run from settings to a folder of results, and comparisons of runs."""
