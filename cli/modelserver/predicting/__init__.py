"""A file through a running server: sent as one stream, answered into another file, gone on with where it broke off."""
