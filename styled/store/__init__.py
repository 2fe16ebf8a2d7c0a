"""The jobs of a root in SQLite: one writer (the daemon), many readers."""
