"""Audio to integer codes and back: one small interface, a codec a module, a registry of them."""
