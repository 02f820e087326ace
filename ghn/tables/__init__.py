"""Reference tables of any space: trained networks, their learning curves, look-ups in them, and what users bring."""

from ghn.tables.curves import Curves, stability_of_table
from ghn.tables.lookup import Recorded, TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

__all__ = ["Curves", "Recorded", "ReferenceTable", "Run", "TableEstimator", "TableHeader", "stability_of_table"]
