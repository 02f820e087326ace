"""Scores architectures and compares their order with references: python evaluate.py [job=rank] [n=300]; see --help."""

from ghn.app.script import run

if __name__ == "__main__":
    run("evaluate.py", "evaluate")
