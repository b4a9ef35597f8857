"""Requests on their way: checked, scheduled side by side, streamed.

In: `Request`s. Out: `Output`s. Knows no graphs.
"""
