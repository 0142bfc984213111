"""Stage-1 generation: prompts as in training, sampled codec tokens, WAV files and their records."""
