"""Networks that make weights: graph hypernetworks, banks of shared weights and random initialisation."""

from ghn.families.sharing.bank import Bank, BankConfig
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.initial import RandomInit

__all__ = ["GHN", "Bank", "BankConfig", "GHNConfig", "RandomInit"]
