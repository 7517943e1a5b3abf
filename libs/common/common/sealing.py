"""AES-256-GCM sealing of people's data, with the key's id beside it so that keys can be rotated.

Knows bytes and models, not what a patient is. NIST SP 800-38D: a fresh 96-bit nonce for each seal.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import CannotUnseal, Misconfigured

NONCE_BYTES = 12
KEY_BYTES = 32
OPENS = "opens"
"""The mark of a key that seals nothing: a new one until every replica has it, or one that is retired."""

Model = TypeVar("Model", bound=BaseModel)


class Sealed(BaseModel):
    """Ciphertext that may travel: nonce and ciphertext in base64, and the id of the key."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    nonce: str
    ciphertext: str


class Sealer:
    """Seals with the newest key that may seal, opens with any that it was given."""

    def __init__(self, keys: Mapping[str, bytes], *, opens_only: Collection[str] = ()) -> None:
        """Take keys by id, the newest first; each is 32 bytes, and those of `opens_only` seal nothing."""
        if not keys:
            raise Misconfigured("SEALING_KEYS holds no key")
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise Misconfigured(f"sealing key {key_id} is not {KEY_BYTES} bytes long")
        seals = [key_id for key_id in keys if key_id not in opens_only]
        if not seals:
            raise Misconfigured("SEALING_KEYS: every key says `opens`, so that none seals")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = seals[0]
        self._index_key = hashlib.sha256(b"blind index" + keys[list(keys)[-1]]).digest()

    def seal(self, value: BaseModel, context: str) -> Sealed:
        """Seal a model; it opens again only with the same context (the additional data)."""
        nonce, ciphertext = self._encrypt(value.model_dump_json().encode(), context)
        return Sealed(
            key_id=self._current,
            nonce=base64.b64encode(nonce).decode(),
            ciphertext=base64.b64encode(ciphertext).decode(),
        )

    def unseal(self, sealed: Sealed, model: type[Model], context: str) -> Model:
        """Open what `seal` closed; CannotUnseal when the key is missing or a bit has changed."""
        try:
            nonce = base64.b64decode(sealed.nonce, validate=True)
            ciphertext = base64.b64decode(sealed.ciphertext, validate=True)
        except ValueError as error:
            raise CannotUnseal("not_base64") from error
        plain = self._decrypt(sealed.key_id, nonce, ciphertext, context)
        try:
            return model.model_validate_json(plain)
        except ValidationError:
            # The error's text would show what was sealed, so it is not chained.
            raise CannotUnseal("another_model", f"sealed data is no {model.__name__}") from None

    def seal_bytes(self, value: bytes, context: str) -> bytes:
        """Seal bytes for a database column: `key id NUL nonce ciphertext`."""
        nonce, ciphertext = self._encrypt(value, context)
        return self._current.encode() + b"\0" + nonce + ciphertext

    def unseal_bytes(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal_bytes` closed."""
        key_id, _, rest = sealed.partition(b"\0")
        return self._decrypt(
            key_id.decode(errors="replace"), rest[:NONCE_BYTES], rest[NONCE_BYTES:], context
        )

    def blind_index(self, value: str) -> str:
        """Return a keyed hash by which equal values can be found without being readable.

        Made with the oldest key, the last of the list, marked or not, so that rotation keeps it; drop
        that key only with the index.
        """
        return hmac.new(self._index_key, value.encode(), hashlib.sha256).hexdigest()

    def _encrypt(self, plain: bytes, context: str) -> tuple[bytes, bytes]:
        nonce = os.urandom(NONCE_BYTES)
        return nonce, self._ciphers[self._current].encrypt(nonce, plain, context.encode())

    def _decrypt(self, key_id: str, nonce: bytes, ciphertext: bytes, context: str) -> bytes:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            # Bytes that were never sealed would show in the id, so it is not told.
            raise CannotUnseal("unknown_key", "no sealing key with the id beside the data")
        try:
            return cipher.decrypt(nonce, ciphertext, context.encode())
        except (InvalidTag, ValueError) as error:
            raise CannotUnseal("altered", "sealed data or its context was altered") from error


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys by id, the newest first, and which of them open what others sealed and seal nothing."""

    by_id: Mapping[str, bytes]
    opens_only: frozenset[str] = frozenset()

    @property
    def coming(self) -> list[str]:
        """The newest keys as long as none of them seals: a rotation has begun and is not finished."""
        return list(takewhile(lambda key_id: key_id in self.opens_only, self.by_id))

    def sealer(self) -> Sealer:
        """Return what seals and opens with them; Misconfigured when they cannot be used."""
        return Sealer(self.by_id, opens_only=self.opens_only)


def parse_keys(text: str) -> Keys:
    """Read `id:base64` or `id:base64:opens` entries, comma between them; Misconfigured when it is not that."""
    keys: dict[str, bytes] = {}
    opens_only = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, rest = entry.partition(":")
        encoded, colon, mark = rest.partition(":")
        if not key_id or not encoded or (colon and mark != OPENS):
            raise Misconfigured(f"SEALING_KEYS must be `id:base64` or `id:base64:{OPENS}` entries")
        if key_id in keys:
            raise Misconfigured(f"sealing key {key_id} is there twice")
        keys[key_id] = _decoded(key_id, encoded)
        opens_only |= {key_id} if mark else set()
    return Keys(keys, frozenset(opens_only))


def _decoded(key_id: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise Misconfigured(f"sealing key {key_id} is not base64") from error


def new_key(key_id: str) -> str:
    """Return a fresh `id:base64` entry."""
    return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"
