"""Pages from images and PDFs, their layout, and their transcription to Markdown. Knows no HTTP.

`sources` open documents, `readers` have a model read a page, `layout` finds lines and packs them into the
rows that nano reads, `assembly` makes blocks of lines with their texts; `transcribe` runs them over the pages
of a document.
"""
