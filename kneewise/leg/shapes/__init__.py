"""The bones as signed-distance shapes, and the bake that turns them into one small file.

Needed only to change the shapes (`requirements-shapes.txt`); the app reads the baked file in the browser.
"""
