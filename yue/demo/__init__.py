"""The demo's own songs, and a tokenizer, a codec and a base model made from such songs."""
