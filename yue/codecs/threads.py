"""Keeping numpy's matrix products off threads of their own."""

from __future__ import annotations

from functools import cache


@cache
def one_blas_thread() -> None:
    """From now on, numpy multiplies matrices on the thread that asks for it.

    OpenBLAS's threads wait for each other by spinning; on a machine with other work, or beside
    threads of ours, that made a fit sixteen times slower. Tracks and chunks are spread over
    threads instead. Torch has its own BLAS and is left alone.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    for library in ThreadpoolController().lib_controllers:
        if library.user_api == "blas" and "numpy" in library.filepath:
            library.set_num_threads(1)
