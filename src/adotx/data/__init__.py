"""Training data: corpora as documents, the one train/validation split, fonts, and the page maker.

In: folders of corpora and fonts. Out: `Document`s and `Page`s (image, Markdown truth, line boxes).
Knows nothing of models, tokenizers or engines. Needs the extra `train` (zstandard, fontTools).
"""
