"""Checkpoints: what a run is, how far it is, and its weights, complete on disk or absent."""
