"""Configs of the studies: one file a study, and what they share in `common`."""
