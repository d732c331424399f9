"""The suites, one file a family."""
