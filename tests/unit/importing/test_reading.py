"""Files as people save them: encodings, quotes, ragged rows, and what is on which line."""

from __future__ import annotations

import pytest

from portal.importing.errors import FileUnreadable
from portal.importing.operations.csv_reader import open_csv, raw_text, read_records


def records(path, delimiter=","):
    return list(read_records(open_csv(path, delimiter), lambda _: None))


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("cp1252", "cp1252"), ("utf-16", "utf-16")],
)
def test_encoding_is_found(tmp_path, encoding, told):
    path = tmp_path / "file.csv"
    path.write_bytes("name,city\nJosé,Zürich\n".encode(encoding))

    file = open_csv(path, ",")

    assert (file.encoding, file.columns) == (told, ("name", "city"))
    assert records(path)[0].cells == ["José", "Zürich"]


def test_line_is_where_the_record_begins(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text('a,b\r\n1,"two\r\nlines"\r\n\r\n3,4\r\n', newline="")

    assert [(record.line, record.cells) for record in records(path)] == [(2, ["1", "two\r\nlines"]), (5, ["3", "4"])]


def test_row_of_another_width_is_a_fault_of_its_own(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1\n1,2,3\n1,2\n")

    assert [record.fault for record in records(path)] == [
        "the row has 1 cells, the header has 2", "the row has 3 cells, the header has 2", None,
    ]  # fmt: skip


def test_endless_cell_is_a_fault_of_its_row_and_not_of_the_file(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a,b\n" + "x" * 200_000 + ",1\n3,4\n")

    first, second = records(path)

    assert first.fault is not None and "CSV" in first.fault
    assert second.cells == ["3", "4"]


def test_empty_file_is_refused(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("")

    with pytest.raises(FileUnreadable, match="no header"):
        open_csv(path, ",")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n\x81\x8d,1\n")

    with pytest.raises(FileUnreadable, match="UTF-8"):
        open_csv(path, ",")


def test_mark_of_utf_16_before_something_else_is_refused(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"\xff\xfe\x00number")

    with pytest.raises(FileUnreadable, match="UTF-16"):
        open_csv(path, ",")


def test_other_delimiter(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a;b\n1;2\n")

    assert records(path, ";")[0].cells == ["1", "2"]


def test_progress_adds_up_to_the_size(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a,b\n" + "1,2\n" * 5000)
    told: list[int] = []

    for _ in read_records(open_csv(path, ","), told.append):
        pass

    assert sum(told) == path.stat().st_size
    assert len(told) > 2


def test_raw_text_is_one_line_of_csv():
    assert raw_text(["a,b", 'say "hi"', ""]) == '"a,b","say ""hi""",'
