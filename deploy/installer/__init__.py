"""Installs what is pinned, without a resolver; called by `deploy/install`."""
