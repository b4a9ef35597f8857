"""One file for each stage: what it learns, its data, its model and loss, its validation, `run(recipe)`.

Each module has `NEEDS`, the stages whose results it reads, and `run`, which returns the stage's folder.
A new stage is a file here, its name in `adotx.train.recipe.STAGES` and its table in the recipe.
"""
