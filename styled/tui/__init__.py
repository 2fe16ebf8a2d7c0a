"""The terminal UI: a reader of the store and of evolution/. Never imports TensorFlow."""
