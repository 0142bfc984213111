"""The pipeline's stages, one thin module each, in the order of dvc.yaml."""
