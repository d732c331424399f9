"""An app of NumPy alone."""
