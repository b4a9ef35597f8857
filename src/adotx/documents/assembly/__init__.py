"""What placed lines of text make together: headings, paragraphs, lists, tables, code.

In: lines, what they say and where they stand. Out: blocks. Knows no models.
"""
