"""The dataset: token files read back, songs packed into rows, and what of a row the loss counts."""
