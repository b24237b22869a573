"""The registered model: seeds in, examples and their densities out."""
