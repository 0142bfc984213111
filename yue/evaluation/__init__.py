"""Held-out evaluation: what the adapter learned, measured against the base model token by token."""
