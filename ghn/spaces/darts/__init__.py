"""The DARTS space: the space, its network, and its genotypes."""

from ghn.spaces.darts.space import DARTS as SPACE

ABOUT = "pairs of cells of separable and dilated convolutions; Liu et al., ICLR 2019"
NETWORKS = "about 10^18, not listed"
CHECKPOINT = "checkpoints/ghn_darts_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
