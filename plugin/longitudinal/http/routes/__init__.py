"""The routes by topic; each module builds its own from the services it needs."""
