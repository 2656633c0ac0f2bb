"""Who acts, and which requests are let in. Knows nothing of any server."""
