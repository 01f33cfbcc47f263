"""Bulk data on its way in and out, and the objects that users keep under names."""

from rhserver.objects.blobs import Blobs
from rhserver.objects.objects import Objects

__all__ = ["Blobs", "Objects"]
