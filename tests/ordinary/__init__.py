"""Tests of the migration as an ordinary owner runs it."""
