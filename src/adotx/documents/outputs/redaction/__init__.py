"""Numbers that name a person, an account or a business, covered wherever they stand: text, lines, pictures.

`kinds` finds them in a text, `pages` covers them in what was read on a page, `pictures` in its picture.
"""
