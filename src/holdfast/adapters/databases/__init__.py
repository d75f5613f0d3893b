"""Databases behind one port. `connect(url)` is the way in; nothing else here is for callers."""

from holdfast.adapters.databases.connect import connect

__all__ = ["connect"]
