"""The next token from logits: processors, draws, constraints, loop guard, drafts.

In: scores. Out: ids. Knows no model and no requests.
"""
