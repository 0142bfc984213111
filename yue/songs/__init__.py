"""Songs: lyrics, sections in time, genres and splits; rows that training and generation read."""
