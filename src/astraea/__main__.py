"""``python -m astraea``."""

from astraea.cli import main

main()
