"""One script a claim; each prints a ratio against its rival from the same run: `.venv/bin/python -m benchmarks.<name>`."""

import sys
from pathlib import Path

# The plugin is not installed anywhere: Orthanc finds it by main.py, and benchmarks find it here.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "plugin"))
