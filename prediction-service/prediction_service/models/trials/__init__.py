"""New models are tried in processes of their own, before any request reaches them."""
