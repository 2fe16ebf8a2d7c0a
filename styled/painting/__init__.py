"""From a job's folder, or from arrays, to a picture: the worker process, its checkpoints, the Python API."""
