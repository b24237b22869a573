"""What commands and steps there are: the graph of steps, command-line flags, MLproject, and fingerprints."""
