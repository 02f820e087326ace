"""Other ways to estimate than a hypernetwork, each optional and in its own folder: none imports another."""
