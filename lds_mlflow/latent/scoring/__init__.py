"""Latent density scores of candidates, exact and approximate."""
