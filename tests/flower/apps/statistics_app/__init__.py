"""An app whose clients train nothing: they send sums over their samples, from which the server has naive Bayes."""
