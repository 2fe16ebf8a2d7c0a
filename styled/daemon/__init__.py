"""The daemon: one process that owns a root, its queue and its workers. Never imports TensorFlow."""
