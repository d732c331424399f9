"""The round: plans, algorithms, local training and the loop."""
