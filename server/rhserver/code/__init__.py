"""Code that clients pushed: contents by hash, manifests, and the trees that workers run from."""

from rhserver.code.blobs import BlobStore
from rhserver.code.snapshots import Snapshots

__all__ = ["BlobStore", "Snapshots"]
