"""Settings whose value stands in a file: NAME_FILE names it, as secrets of Docker and Kubernetes are handed over."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.errors import Misconfigured

SUFFIX = "_FILE"


class FilesOfSettings(PydanticBaseSettingsSource):
    """Reads the file that NAME_FILE names, for any setting; Misconfigured says what is wrong with it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the content of the setting's file, or None where no file is named."""
        del field  # every setting may stand in a file
        name = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        given = surroundings(self.config)
        path = given.get(name + SUFFIX)
        if not path:
            return None, field_name, False
        if given.get(name):
            raise Misconfigured(f"{name} and {name}{SUFFIX} are both set: take one away")
        return _content(name + SUFFIX, Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the value of every setting that stands in a file."""
        found = {name: self.get_field_value(f, name)[0] for name, f in self._fields.items()}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def _fields(self) -> Mapping[str, FieldInfo]:
        return self.settings_cls.model_fields


class FiledSettings(BaseSettings):
    """The base of all settings: from arguments, files, the environment and `.env`, in this order."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the files before the environment; who sets both is told."""
        del file_secret_settings  # a folder of secrets is named file by file
        return init_settings, FilesOfSettings(settings_cls), env_settings, dotenv_settings


def surroundings(config: SettingsConfigDict) -> dict[str, str]:
    """Return what the environment and `.env` say, by names in capitals; the environment goes first."""
    dotenv = config.get("env_file")
    lines = dotenv_values(str(dotenv)) if dotenv else {}
    both = {name.upper(): value for name, value in lines.items()}
    both |= {name.upper(): value for name, value in os.environ.items()}
    return {name: value for name, value in both.items() if value}


def _content(name: str, path: Path) -> str:
    """Return what stands in a file, without the line's end."""
    try:
        content = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{name}: {path} cannot be read ({type(error).__name__})") from None
    if not content:
        raise Misconfigured(f"{name}: {path} is empty")
    return content
