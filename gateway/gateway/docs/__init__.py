"""One document and its pages, from four services."""
