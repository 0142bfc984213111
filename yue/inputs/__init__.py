"""Inputs: what a recipe names and no stage of its pipeline makes, found, linked or fetched."""
