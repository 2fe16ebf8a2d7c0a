"""The command that prints logs, and how their lines are read."""
