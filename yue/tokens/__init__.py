"""Tokens: the vocabulary, the text tokenizer, the layouts of a song, and writing them to files."""
