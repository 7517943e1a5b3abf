"""Who asks: what people do here is kept with their name."""

from typing import Annotated

from fastapi import Header

Actor = Annotated[
    str,
    Header(
        alias="X-Actor",
        min_length=1,
        max_length=200,
        description="Who asks: the audit keeps it.",
        examples=["ops:r.smith"],
    ),
]
