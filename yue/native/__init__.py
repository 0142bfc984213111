"""The native library: a small C11 part behind cffi, and thin typed wrappers.

``codes``, ``checksum``, ``index`` and ``writer`` are the wrappers; ``library`` finds or builds the
library; ``reference`` says the same in plain NumPy, for tests.
"""
