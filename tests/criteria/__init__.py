"""Tests of the criterion kinds, one file each."""
