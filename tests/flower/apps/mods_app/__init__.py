"""An app whose mods count, measure and add noise."""
