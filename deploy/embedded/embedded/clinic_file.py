"""The clinic file: YAML with a list under `clinics:`, each as the API takes it, and its `id`."""

from typing import Any

import yaml

from common.errors import Invalid

Clinic = dict[str, Any]


def read_clinics(text: str) -> list[Clinic]:
    """Return the clinics in a file, in values that JSON knows; Invalid when it is not such a file."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"the file is not YAML{_place(error)}") from error
    clinics = content.get("clinics") if isinstance(content, dict) else None
    if not isinstance(clinics, list) or not all(isinstance(c, dict) and "id" in c for c in clinics):
        raise Invalid("the file needs a list `clinics:`, each with an `id`")
    return [_plain(clinic) for clinic in clinics]


def body_of(clinic: Clinic) -> Clinic:
    """Return what is put under `/v1/clinics/{id}`."""
    return {key: value for key, value in clinic.items() if key != "id"}


def _place(error: yaml.YAMLError) -> str:
    """Say where reading stopped, and nothing of what stands there."""
    mark = getattr(error, "problem_mark", None)
    return f": see line {mark.line + 1}" if mark else ""


def _plain(value: Any) -> Any:
    """YAML reads dates as dates; the API takes them as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
