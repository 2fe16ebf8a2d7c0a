"""The queue: what a job is, where jobs are kept, and how the inbox becomes jobs."""
