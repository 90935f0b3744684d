"""The plan file: what it may hold, and how it is read."""
