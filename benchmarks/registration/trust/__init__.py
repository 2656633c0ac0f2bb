"""`python -m benchmarks.registration trust`: how far what is accepted, and what is said of it, can be trusted.

A module a section; `SECTIONS` of `sections.py` names them.
"""
