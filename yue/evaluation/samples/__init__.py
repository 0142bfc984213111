"""What generated songs are like, beside songs that were held out: no model is needed for it."""
