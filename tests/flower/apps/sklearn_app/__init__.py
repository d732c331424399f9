"""An app of scikit-learn, which counts batches and not samples."""
