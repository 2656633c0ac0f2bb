"""Soak tests: the index while Orthanc is killed, flooded, started on an old archive, and grown to ten million slices.

One module a claim, each runnable alone (`.venv/bin/python -m benchmarks.soak.kills`); `make soak` runs all of them.
"""
