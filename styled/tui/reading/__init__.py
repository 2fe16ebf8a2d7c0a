"""What the screens show, read from the store and the jobs' files off the UI's thread."""
