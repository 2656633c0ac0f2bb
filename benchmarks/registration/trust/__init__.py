"""`python -m benchmarks.registration trust`: whether what is accepted is right; a module a section."""
