"""Lines of text from data: pure functions."""
