"""Accepting a backup and restoring it."""
