"""`python -m gluonic.conform FOLDER`: golden cases that MXNet computed, run through the Python API.

The folder has the form of `fixtures/` in gluonic's repository: `semantics.json` (pieces of Python,
each with its value, warnings or error) and `names.json` (networks, with all that they print). Of
these two a folder may lack one.
"""
