"""Projects: a folder with its own pipeline, recipes and songs, driven by the installed package."""
