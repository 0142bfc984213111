"""A page over experiments: what was changed, what came of it, and how it sounds, side by side."""
