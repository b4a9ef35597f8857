"""Measuring: metrics and, on top of them, tasks and records. Knows nothing of training."""
