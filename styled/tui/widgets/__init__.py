"""Parts of a screen that have a cursor, a state or a size of their own."""
