"""Running the steps of a migration or a rollback: one module per runner."""
