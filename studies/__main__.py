"""Lists the studies: `python -m studies`."""

from studies.run import STUDIES, summary_of

for name in STUDIES:
    print(f"python -m studies.{name:18} {summary_of(name)}")
