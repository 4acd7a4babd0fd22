"""DataFrame → plotly Figure, one figure a file. Each `draw` computes its title from the frame: the title is the answer.

Nothing here measures or reads files, and nothing outside this package imports plotly.
"""
