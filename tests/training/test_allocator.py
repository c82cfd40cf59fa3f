"""Training keeps the memory that it frees, and gives it back at its end."""

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, resource
from translate.training.allocator import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        block = libc.malloc(48 << 20)
        ctypes.memset(block, 1, 48 << 20)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
ctypes.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
before, start = faults(), resident()
with freed_memory_kept():
    inside, held = faults(), resident()
print(before, inside, faults(), held - start, resident() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_memory_is_used_again_and_given_back_at_the_end() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, inside, after, held, left = map(float, result.stdout.split())
    assert inside < 0.2 * before
    assert after > 0.5 * before
    assert held > 40
    assert left < 10
