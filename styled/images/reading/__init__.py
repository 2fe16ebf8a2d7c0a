"""From an open file to an opened image: what the file is, which reader reads it, how its metadata describes the pixels."""
