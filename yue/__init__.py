"""Fine-tune the YuE v1 music language model on your own songs, from one recipe in git."""

__version__ = "0.1.0"
