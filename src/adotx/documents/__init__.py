"""Pages from images and PDFs, their layout, and their transcription to Markdown. Knows no HTTP.

`intake` opens documents, `layout` finds lines, `pack` cuts them into the rows that nano reads, `transcribe`
has them read, and `assemble` writes Markdown.
"""
