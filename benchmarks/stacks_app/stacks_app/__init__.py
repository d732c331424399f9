"""An ordinary Flower app: nothing in it knows of the network."""
