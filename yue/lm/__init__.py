"""The language model as training and evaluation use it: packed pieces in, losses by token out."""
