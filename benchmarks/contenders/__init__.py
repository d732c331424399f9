"""The same work, done by this project, by its peers, and by a loop without any framework."""
