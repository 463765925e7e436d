"""The file of a backup: one tar with the database's dump, the models, and last a list of all that with its digests.

A file that was cut short, has lost something, or has something twice does not agree with its list. It is checked
whole, before anything is changed. There are plain files in it and nothing else: no link, no pipe, no path that leads
elsewhere.
"""
