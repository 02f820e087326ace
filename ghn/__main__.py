"""`python -m ghn`: the same as `ghn`."""

from ghn.app.entry import main

if __name__ == "__main__":
    main()
