"""How columns of people's data are closed and opened: JSON, bound to the row that holds it."""

from typing import TypeVar

from pydantic import TypeAdapter

from common.sealing import Sealer

Value = TypeVar("Value")

TEXT: TypeAdapter[str] = TypeAdapter(str)


def close(sealer: Sealer, adapter: TypeAdapter[Value], value: Value, context: str) -> bytes:
    """Return the value as sealed JSON."""
    return sealer.seal_bytes(adapter.dump_json(value), context)


def open_(sealer: Sealer, adapter: TypeAdapter[Value], sealed: bytes, context: str) -> Value:
    """Return what `close` closed; CannotUnseal when the key is missing or a bit has changed."""
    return adapter.validate_json(sealer.unseal_bytes(sealed, context))


def close_text(sealer: Sealer, text: str | None, context: str) -> bytes | None:
    """Return a text sealed, or None for none."""
    return close(sealer, TEXT, text, context) if text else None


def open_text(sealer: Sealer, sealed: bytes | None, context: str) -> str | None:
    """Return the text that was sealed, if there was one."""
    return open_(sealer, TEXT, sealed, context) if sealed else None
