"""The native library: a small C11 part behind cffi, and thin typed wrappers.

``library`` finds or builds it; each other module wraps the functions of one concept. What the
functions do is said again in plain NumPy in ``tests/native/reference.py``: a host without the
library gets an error, not a slower result from a second implementation.
"""
