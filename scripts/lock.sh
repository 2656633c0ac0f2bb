#!/usr/bin/env bash
# Pins the dependencies of pyproject.toml, with hashes, for every Python from 3.11 on.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/python -m pip install --quiet uv
# highdicom requires pyjpegls to read JPEG-LS, which writing reports never does; it has no wheel for Python 3.14
options=(--universal --python-version 3.11 --generate-hashes --upgrade --no-header
         --no-emit-package pip --no-emit-package pyjpegls)
.venv/bin/uv pip compile --quiet "${options[@]}" pyproject.toml --output-file requirements.lock
# pydicomrt requires OpenCV and SciPy, but the part we use (its REG reader, an oracle) imports neither
.venv/bin/uv pip compile --quiet "${options[@]}" --no-emit-package opencv-python --no-emit-package scipy \
    --constraints requirements.lock pyproject.toml --group test --output-file requirements-test.lock
