"""Lists of very many rows, prepared in a thread, filter and sort as all other lists do."""

from __future__ import annotations

from operator import attrgetter

import pytest
from PySide6.QtCore import Qt

from rhdesk.core.offers import OfferFilter, by_price
from rhdesk.desktop.models.offer_columns import offer_columns
from rhdesk.desktop.models.prepared_rows import PreparedRows
from rhdesk.desktop.models.row_model import RowModel
from rhresources.cloud.answers import Offer

OFFERS = by_price(
    (
        Offer(
            cloud, f"region-{region}", f"type-{size}", "A100" if size % 2 else "", size % 3,
            float(size) if size else None, 64.0, None if size == 4 else 10.0 - size % 2,
            None if region == 2 else 1.0 + size + region, enabled=cloud == "aws",
        )
        for cloud in ("aws", "gcp")
        for region in range(3)
        for size in range(5)
    ),
    False,
)  # fmt: skip
COLUMNS = offer_columns(lambda offer: "")


def plain() -> RowModel[Offer]:
    made: RowModel[Offer] = RowModel(COLUMNS, attrgetter("key"))
    made.set_rows(OFFERS)
    return made


def prepared() -> RowModel[Offer]:
    made: RowModel[Offer] = RowModel(COLUMNS, attrgetter("key"))
    made.set_prepared(PreparedRows(OFFERS, COLUMNS))
    return made


@pytest.mark.parametrize("words", ["", "aws", "REGION-1 type-3", "a100 gcp", "nothing"])
@pytest.mark.parametrize("order", list(Qt.SortOrder))
@pytest.mark.parametrize("column", [-1, *range(len(COLUMNS))])
def test_that_they_are_filtered_and_sorted_alike(column: int, order: Qt.SortOrder, words: str) -> None:
    models = plain(), prepared()
    for model in models:
        model.sort(column, order)
        model.set_filter(words)
    assert models[0].shown_rows() == models[1].shown_rows()
    assert all(models[1].place_of(offer.key) == n for n, offer in enumerate(models[1].shown_rows()))


def test_that_the_usual_order_is_that_of_a_column_until_another_is_chosen() -> None:
    model, rows = prepared(), PreparedRows(OFFERS, COLUMNS)
    model.set_prepared(rows, OfferFilter(cloud="aws", spot=True).fitting, "spot")
    prices = [offer.spot_price for offer in model.shown_rows() if offer.spot_price is not None]
    assert len(prices) == model.rowCount() == 10
    assert prices == sorted(prices)
    model.sort([column.key for column in COLUMNS].index("region"), Qt.SortOrder.DescendingOrder)
    assert model.shown_rows()[0].region == "region-1"


def test_that_other_rows_take_their_place() -> None:
    model = prepared()
    model.set_filter("aws")
    model.set_rows(OFFERS[:2])
    assert set(model.shown_rows()) <= set(OFFERS[:2])
