"""What any room may do with files: durable writes, moves within a root, files that others can touch, names safe to print."""
