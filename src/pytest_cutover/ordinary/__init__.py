"""The migration once more as production's account would run it: an ordinary role that owns the database."""
