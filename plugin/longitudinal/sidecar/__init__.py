"""The sidecar: a SQLite cache of where every plane of the archive lies. Delete it and it is built again."""
