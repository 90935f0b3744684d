"""What becomes of a migration that is cut off half-way."""
