"""The process between a run and the program of a step.

It is started as `python FOLDER`, so that nothing else of the package is imported: what it waits for is the start of Python.
"""
