"""The sidecar: a SQLite cache of the position of every plane in the archive. After it is deleted, it is built again."""
