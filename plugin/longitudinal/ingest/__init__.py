"""From what the archive stores to rows of the sidecar."""
