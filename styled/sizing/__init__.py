"""What size things have, without TensorFlow: scales of a job, tiles, cost of a step, memory it takes and may take."""
