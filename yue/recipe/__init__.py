"""Recipes: read, checked with positions, typed, written. Nothing here imports torch."""
