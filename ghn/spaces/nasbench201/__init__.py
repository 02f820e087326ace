"""nasbench201."""
