"""A database that people depend on: looked at read-only, within limits, and compared with what was rehearsed."""
