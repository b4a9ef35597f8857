"""Requests on their way: checked, scheduled, computed side by side, streamed.

In: `Request`s. Out: `Output`s. Knows no graphs.
"""
