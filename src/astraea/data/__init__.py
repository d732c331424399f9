"""Where samples come from: the catalogue, its loaders, and scenarios that divide them among clients."""
