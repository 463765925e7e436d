"""From a model of somebody's library to a folder that can be served: converted, compared, described."""
