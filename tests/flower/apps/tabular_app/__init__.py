"""An app of named columns, as data sets of Hugging Face have them, and PyTorch."""
