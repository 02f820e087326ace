"""What makes estimators from a name and a setting; each file is imported when one of its names is asked for."""
