"""Values on their way to a cluster: what the pickler makes of them, whole and in chunks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from rhresources.wire.values import CHUNK, INLINE_LIMIT, Pieces, pickle_arguments

_ARRAYS = {
    "flat": np.arange(400_000, dtype=float),
    "columns first": np.asfortranarray(np.arange(400_000, dtype=float).reshape(1000, 400)),
    "with steps": np.arange(800_000, dtype=float)[::2],
    "of three dimensions": np.zeros((100, 100, 40)),
}


@pytest.mark.parametrize("array", _ARRAYS.values(), ids=_ARRAYS)
def test_large_arrays_travel_whole(array: np.ndarray) -> None:
    pieces = pickle_arguments((array,), {"again": array})
    assert isinstance(pieces, Pieces)
    chunks = [b"".join(parts) for parts in pieces.chunks(CHUNK)]
    assert {len(chunk) for chunk in chunks[:-1]} <= {CHUNK}
    data = b"".join(chunks)
    assert len(pieces) == len(data) > INLINE_LIMIT
    (first,), named = pickle.loads(data)
    np.testing.assert_array_equal(first, array)
    np.testing.assert_array_equal(named["again"], array)


def test_small_arrays_are_one_message() -> None:
    data = pickle_arguments((np.arange(3),), {})
    assert isinstance(data, bytes)
    np.testing.assert_array_equal(pickle.loads(data)[0][0], np.arange(3))
