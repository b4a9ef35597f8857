"""Weights in the formats that the engine computes with, converted once and stored.

In: a checkpoint's tensors. Out: integers and scales. Knows no graphs.
"""
