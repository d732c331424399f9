"""Who trains, in which order, and how results become the next model: one file each."""
