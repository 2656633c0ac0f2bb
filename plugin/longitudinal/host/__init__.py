"""The only package that imports `orthanc`: callbacks in, services wired together, routes out."""

from longitudinal.host.lifecycle import start

__all__ = ["start"]
