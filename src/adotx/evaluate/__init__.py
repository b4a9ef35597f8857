"""Measuring: metrics as pure functions (`cer`, `cells`, `structure`, `bootstrap`), and what applies them.

In: what a model said and what is true. Out: scores. `transcription` scores a folder of pages, `alignment`
tells what each packed row of a made page says. Knows nothing of training.
"""
