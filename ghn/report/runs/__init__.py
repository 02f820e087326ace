"""What trainings left behind: snapshots, coverage, convergence."""
