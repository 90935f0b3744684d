"""Tests of what a migration holds while it runs."""
