"""Searchers and adapters for other tools' searches; the first ones come with the schedulers."""
