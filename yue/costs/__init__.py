"""Costs: memory, time and arithmetic of training, before a run and during it."""
