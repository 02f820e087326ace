"""What made the numbers of docs/: `python -m studies` lists the studies. Nothing in `ghn` imports this."""
