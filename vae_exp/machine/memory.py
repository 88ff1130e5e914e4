"""Keep freed memory in the process instead of returning it to the kernel at every step."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# Names and numbers of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


@cache
def keep_freed_memory() -> None:
    """Tell glibc's malloc never to return memory. Elsewhere (macOS, Windows, musl) this does nothing.

    Activations of 12 MB are above glibc's threshold for mmap: each step maps, faults in and unmaps them again.
    It applies to the whole process, which then keeps its peak memory until it ends.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 64 * 2**20)
