"""What a send may say (POST /faxes of Sinch Fax API v3) and what is wrong with one that may not.

Knows the fields and their limits; knows neither HTTP nor what becomes of the fax.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from simulators.loopback import is_loopback_url


@dataclass(frozen=True, slots=True)
class Upload:
    """One document as it was handed over: its type (`PDF`, `TIF`, ...) and its bytes."""

    file_type: str
    content: bytes


class InvalidSendError(Exception):
    """A send that is refused with 422; `violations` are pairs of field and description."""

    def __init__(self, violations: list[tuple[str, str]]) -> None:
        super().__init__(violations)
        self.violations = violations


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _on_loopback(url: str) -> str:
    if not is_loopback_url(url):
        raise ValueError("this simulator calls back to loopback addresses only")
    return url


E164 = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]


class SendRequest(BaseModel):
    """The fields of a send, by their names in the API."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    to: Annotated[list[E164], BeforeValidator(_as_list), Field(min_length=1)]
    sender: Annotated[E164, Field(alias="from")] = "+15550100001"
    header_text: Annotated[str, Field(max_length=50)] = ""
    header_page_numbers: bool = True
    header_time_zone: str = "America/New_York"
    retry_delay_seconds: Annotated[int, Field(ge=0)] = 60
    max_retries: Annotated[int, Field(ge=0, le=5)] = 3
    labels: dict[str, str] = {}
    callback_url: Annotated[str, AfterValidator(_on_loopback)] | None = None
    callback_url_content_type: Literal["multipart/form-data", "application/json"] = (
        "multipart/form-data"
    )
    image_conversion_method: Literal["HALFTONE", "MONOCHROME"] = "HALFTONE"
    resolution: Literal["FINE", "SUPERFINE"] = "FINE"
    service_id: str = "simulated-service"


def parse_send(fields: dict[str, Any], uploads: list[Upload]) -> SendRequest:
    """Check a send as the gateway does, naming every bad field."""
    violations: list[tuple[str, str]] = []
    if fields.get("contentUrl"):
        violations.append(("contentUrl", "this simulator fetches no documents"))
    elif not uploads:
        violations.append(("file", "one of file, files or contentUrl is required"))
    try:
        request = SendRequest.model_validate(fields)
    except ValidationError as error:
        found = [(str(item["loc"][0]), item["msg"]) for item in error.errors()]
        raise InvalidSendError(violations + found) from error
    if violations:
        raise InvalidSendError(violations)
    return request


def decode_files(files: object) -> list[Upload]:
    """Read the `files` of a JSON send: `[{file: <base64>, fileType: "PDF"}]`."""
    if not isinstance(files, list):
        raise InvalidSendError([("files", "must be a list of {file, fileType}")])
    return [_decode(item) for item in files]


def _decode(item: object) -> Upload:
    if not isinstance(item, dict) or not isinstance(item.get("file"), str):
        raise InvalidSendError([("files", "each needs a base64 file and a fileType")])
    try:
        content = base64.b64decode(item["file"], validate=True)
    except binascii.Error as error:
        raise InvalidSendError([("files", "file is not base64")]) from error
    return Upload(str(item.get("fileType", "PDF")).upper(), content)
