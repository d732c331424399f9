"""A run, a comparison or an evaluation as one HTML file that needs nothing else: no server, no network."""

from astraea.report.page.write import write_page

__all__ = ["write_page"]
