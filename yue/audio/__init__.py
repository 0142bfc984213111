"""Songs in: a folder of audio files becomes clean, paired mono arrays.

``discover`` finds the songs, ``convert`` turns each into arrays by ``decode``, ``resample``,
``loudness``, ``trim`` and ``segments``; ``separate`` pairs the stems and finds the singing.
"""
