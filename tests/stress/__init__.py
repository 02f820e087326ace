"""Attacks on the whole of ghn: kills, full disks, fuzzed files, a day of a service, all keys (docs/safety.md)."""
