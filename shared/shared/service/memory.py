"""Memory that is free goes back to the system, so that one flood of requests is not felt for ever.

Both are glibc's; with another C library nothing happens.
"""

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3
"""glibc's name for it, of malloc.h."""

LARGE_BLOCK_BYTES = 131_072
"""glibc's own bound at the start."""


def keep_large_blocks_apart() -> None:
    """Large blocks, such as bodies, are the system's again as soon as they are free.

    glibc raises its bound with the first large block that is freed, and keeps such blocks from then on. A bound that is
    set stays.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def give_back_free_memory() -> None:
    """Gives back what is free between smaller blocks. Takes some milliseconds, in which other threads go on."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
