"""The tables of the sidecar: what each holds, read and written by plain functions on a connection."""
