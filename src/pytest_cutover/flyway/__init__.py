"""Flyway as it behaves on PostgreSQL: its settings, its files, its history table, and what it makes of the two.

What is said of Flyway here was read in its published source, github.com/flyway/flyway (Apache-2.0), and in its
documentation. Each module names the classes that it follows.
"""
