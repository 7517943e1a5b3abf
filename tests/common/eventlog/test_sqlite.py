from pathlib import Path

import pytest
from tests.common.eventlog.contract import EventLogContract, new, read_all

from common.errors import Misconfigured
from common.eventlog.open import open_log
from common.eventlog.sqlite import SqliteEventLog
from common.settings import SharedSettings


class TestSqliteEventLog(EventLogContract):
    opener = "common.eventlog.sqlite:SqliteEventLog"
    open_at = SqliteEventLog

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "made" / "when" / "missing" / "events.db")


async def test_without_a_setting_the_log_is_a_file_in_the_data_folder(tmp_path):
    log = open_log(SharedSettings(data_dir=tmp_path / "var", event_log_url=None))
    await log.append([new("a", "1")])
    await log.close()
    assert (tmp_path / "var" / "events.db").exists()


async def test_a_url_names_the_file_of_the_log(tmp_path):
    log = open_log(SharedSettings(event_log_url=f"sqlite:///{tmp_path / 'elsewhere.db'}"))
    await log.append([new("a", "1")])
    assert len(await read_all(log)) == 1
    await log.close()
    assert (tmp_path / "elsewhere.db").exists()


def test_an_unknown_kind_of_log_is_refused_without_its_password():
    with pytest.raises(Misconfigured) as refused:
        open_log(SharedSettings(event_log_url="amqp://user:secret@host"))
    assert "secret" not in str(refused.value)
