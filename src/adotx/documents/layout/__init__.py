"""Where text stands on a page image: clean page, rulings, lines, reading order, packed rows.

In: an image. Out: regions of lines, tiles of rows. Knows no text.
"""
