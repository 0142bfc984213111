"""Songs in: a folder of audio files becomes clean, paired mono arrays.

``discover`` finds the songs; ``convert`` turns each into arrays (``convert_song``, by ``decode``,
``resample``, ``segments`` and ``measures``); ``separate`` pairs the stems and finds the singing.
"""
