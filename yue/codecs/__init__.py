"""Audio to integer codes and back: one small interface, one file for each codec, a registry."""
