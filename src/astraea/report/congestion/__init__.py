"""Tables and pictures of races, evaluations and policies."""
