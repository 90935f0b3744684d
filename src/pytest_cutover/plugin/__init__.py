"""The pytest plugin: the only code that imports pytest."""
