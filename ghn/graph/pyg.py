"""What is used of PyTorch Geometric, imported without the warnings that it raises of itself."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`torch.jit.* is deprecated", FutureWarning)
    warnings.filterwarnings("ignore", "`torch.jit.* is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", ".*torch_geometric.distributed", DeprecationWarning)
    from torch_geometric.data import Batch, Data
    from torch_geometric.nn import GINEConv, global_mean_pool

__all__ = ["Batch", "Data", "GINEConv", "global_mean_pool"]
