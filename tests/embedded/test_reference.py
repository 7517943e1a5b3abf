"""The generated pages: current, and named when they are not."""

from embedded import reference


def test_a_stale_page_is_named_and_left_alone_by_the_check(tmp_path, capsys):
    assert reference.main(["--check"], tmp_path) == 1
    assert "settings.md" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert reference.main([], tmp_path) == 0
    assert reference.main(["--check"], tmp_path) == 0


def test_every_setting_has_a_meaning():
    rows = [line for line in reference.settings_page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
