"""An app with a strategy of its own, whose loop and learning rate are its own."""
