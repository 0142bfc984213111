"""The demo's own material: synthesised songs, and a tokenizer, codec and base model made from them.

Music comes first as a score (:mod:`lyrics`, :mod:`compose`), then as sound (:mod:`voice`,
:mod:`instruments`, :mod:`render`), then as a folder of songs (:mod:`corpus`).
"""
