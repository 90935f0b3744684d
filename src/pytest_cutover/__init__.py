"""Rehearse a database migration on a restored backup, prove every success criterion, and get a go/no-go."""

__version__ = "0.1.0"
