"""One loader a dataset."""
