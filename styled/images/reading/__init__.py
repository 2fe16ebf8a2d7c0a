"""From an open file to an opened image: what the file is, which reader knows it, what its metadata says of the pixels."""
