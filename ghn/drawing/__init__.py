"""How every picture looks, and pictures of plain numbers: whatever is drawn, on any floor, is drawn with these."""
