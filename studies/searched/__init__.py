"""Studies that search every method's knobs within budgets of bytes, critical path and samples."""
