"""Registration: ours and its rivals on the same pairs, capture range, what must not be accepted, one point, memory.

.venv/bin/python -m benchmarks.registration pairs --rivals rivals/bin/python
.venv/bin/python -m benchmarks.registration capture --starts 24
.venv/bin/python -m benchmarks.registration failures
.venv/bin/python -m benchmarks.registration local
.venv/bin/python -m benchmarks.registration memory
.venv/bin/python -m benchmarks.registration twice
"""
