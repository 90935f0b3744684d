"""Tests of the hazards."""
