"""Files as people save them: encodings, quotes, ragged rows, titles, and what is on which line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.importing.errors import FileUnreadable
from portal.importing.operations.csv_reader import Record, open_csv, read_records, suggest_options

NEVER_CLOSED, IN_THE_MIDDLE = "never closed", "in the middle of a cell"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def records(path: Path, delimiter: str = ",", skip_rows: int = 0) -> list[Record]:
    return list(read_records(open_csv(path, delimiter, skip_rows), lambda _: None, lambda cells: len(cells) > 1))


def lines_of(path: Path, text: str, delimiter: str = ",") -> list[tuple[int, list[str] | str]]:
    """Line and cells of each record, or what is wrong with it."""
    path.write_text(text, encoding="utf-8", newline="")
    return [(record.line, record.fault or record.cells) for record in records(path, delimiter)]


@pytest.mark.parametrize(
    ("encoding", "recognised"),
    [
        ("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("cp1252", "cp1252"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)  # fmt: skip
def test_encoding_is_found(path, encoding, recognised):
    path.write_bytes("name,city\nJosé,Zürich\n".encode(encoding))

    file = open_csv(path)

    assert (file.encoding, file.columns) == (recognised, ("name", "city"))
    assert records(path)[0].cells == ["José", "Zürich"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_is_where_the_record_begins(path, end):
    text = end.join(["a,b", '1,"two', 'lines"', "", "3,4", ""])

    assert lines_of(path, text) == [(2, ["1", f"two{end}lines"]), (5, ["3", "4"])]


def test_row_of_another_width_is_a_fault_of_its_own(path):
    faults = [(2, "the row has 1 cells, the header has 2"), (3, "the row has 3 cells, the header has 2")]

    assert lines_of(path, "a,b\n1\n1,2,3\n1,2\n") == [*faults, (4, ["1", "2"])]


def test_empty_cells_at_the_end_and_empty_rows_do_not_count(path):
    assert lines_of(path, "a,b\n1,2,,\n,\n , \n\n3,4\n") == [(2, ["1", "2"]), (6, ["3", "4"])]
    assert lines_of(path, "a,b,,\n1,2\n") == [(2, ["1", "2", "", ""])]


def test_endless_cell_is_a_fault_of_its_row_and_not_of_the_file(path):
    (first_line, fault), second = lines_of(path, "a,b\n" + "x" * 500_000 + ",1\n3,4\n")

    assert (first_line, "longer than a row can be" in fault) == (2, True)
    assert second == (3, ["3", "4"])


# --- quotes ---


def test_quotes_as_they_are_meant(path):
    text = 'a,b\n"x, y","say ""hi"""\n"",""\n5" pipe,b\n"one", two\n"one" ,"two"\n'

    assert [cells for _, cells in lines_of(path, text)] == [
        ["x, y", 'say "hi"'], ['5" pipe', "b"], ["one", " two"], ["one", "two"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        (['1,"never', "2,b", '3,"c', "4,d"], {2: "not closed in it", 4: NEVER_CLOSED}),
        (['1,"never', "2,b", "3,c"], {2: NEVER_CLOSED}),
        (['1,"never', "2,b", '3,pipe 5"', "4,d"], {2: "not closed in it"}),
        (['"1,never', "2,b", '"3",c'], {2: "not closed in it"}),
        (['1,"x" y', "2,b"], {2: IN_THE_MIDDLE}),
        (['1,"x"y"', "2,b"], {2: IN_THE_MIDDLE}),
        (['1,"x', '2,""', "3,c"], {2: NEVER_CLOSED}),
        (["1,a", '2,"cut in the mid'], {3: NEVER_CLOSED}),
        (["1,a", '2,"'], {3: NEVER_CLOSED}),
        (['1,"a', '2,"b', '3,"c'], {2: "not closed in it", 3: "not closed in it", 4: NEVER_CLOSED}),
    ],
)
def test_broken_quote_spoils_its_own_row_and_no_other(path, rows, broken):
    found = dict(lines_of(path, "\n".join(["a,b", *rows, ""])))

    assert sorted(found) == list(range(2, len(rows) + 2))
    for line, cells in found.items():
        if line in broken:
            assert broken[line] in cells
        else:
            assert isinstance(cells, list)


def test_file_that_ends_within_a_quote_says_so(path):
    ((_, fault),) = lines_of(path, 'a,b\n1,"cut')

    assert "the file ends inside of it" in fault


def test_text_of_several_lines_is_one_cell(path):
    text = 'a,b\n1,"Dear all,\nthanks for ""all"".\n\nBye"\n2,x\n'
    path.write_text(text)

    found = list(read_records(open_csv(path), lambda _: None, lambda cells: cells[0].isdigit()))

    assert [(record.line, record.cells) for record in found] == [
        (2, ["1", 'Dear all,\nthanks for "all".\n\nBye']), (6, ["2", "x"]),
    ]  # fmt: skip


@pytest.mark.parametrize("filler", ["x" * 70 * 1024, "\n".join(["x"] * 250)])
def test_quote_that_is_open_too_long_is_broken(path, filler):
    found = lines_of(path, f'a,b\n1,"open\n{filler}",y\n2,z\n')

    assert NEVER_CLOSED in found[0][1]
    assert found[-1][1] == ["2", "z"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.lists(st.text('ab,"; \n', max_size=6), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(path, rows):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    path.write_text(out.getvalue(), newline="")

    found = list(read_records(open_csv(path), lambda _: None))

    assert [record.cells for record in found] == [row for row in rows if any(cell.strip() for cell in row)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(0, 5), st.integers(0, 12), st.booleans())
def test_stray_quote_anywhere_costs_at_most_its_own_row(path, row, place, is_quoted):
    """Of six rows each with its number, all that have no stray quote come out as they are."""
    rows = [f'{number},"t, {number}",end' if is_quoted else f"{number},text {number},end" for number in range(6)]
    rows[row] = rows[row][:place] + '"' + rows[row][place:]
    path.write_text("\n".join(["a,b,c", *rows, ""]))

    found = list(read_records(open_csv(path), lambda _: None, lambda cells: cells[-1] == "end"))

    whole = {record.line: record.cells for record in found if record.fault is None}
    for number in set(range(6)) - {row}:
        expected = [str(number), f"t, {number}" if is_quoted else f"text {number}", "end"]
        assert whole.get(number + 2) == expected


# --- headers ---


def test_first_line_may_name_the_delimiter(path):
    assert lines_of(path, "sep=;\r\na;b\r\n1;2\r\n") == [(3, ["1", "2"])]
    assert lines_of(path, '\ufeff"sep=|"\na|b\n1|2\n') == [(3, ["1", "2"])]
    assert lines_of(path, "SEP=\t\na\tb\n1\t2\n", ";") == [(3, ["1", "2"])]


def test_rows_of_titles_are_skipped_and_lines_counted_on(path):
    path.write_text('Acme\n\n"January,\nFebruary"\na,b\n1,2\n')

    assert open_csv(path, skip_rows=3).columns == ("a", "b")
    assert [(record.line, record.cells) for record in records(path, skip_rows=3)] == [(6, ["1", "2"])]


def test_header_that_is_further_down_is_suggested(path):
    path.write_text("Acme Ltd,,\nInvoices,,\n,,\nNumber,Customer,Total\n1,2,3\n")

    (hint,) = suggest_options(open_csv(path))

    assert hint.endswith("--skip-rows 3")
    assert suggest_options(open_csv(path, skip_rows=3), 3) == []


@pytest.mark.parametrize(("header", "option"), [("a;b;c", "';'"), ("a\tb", "tab"), ("a|b", "'|'")])
def test_other_delimiter_is_suggested(path, header, option):
    path.write_text(f"{header}\n")

    (hint,) = suggest_options(open_csv(path))

    assert hint.endswith(f"--delimiter {option}")


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n"])
def test_empty_file_is_refused(path, text):
    path.write_text(text)

    with pytest.raises(FileUnreadable, match="no header"):
        open_csv(path)


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"a,b\n\x81\x8d,1\n")

    with pytest.raises(FileUnreadable, match="UTF-8"):
        open_csv(path)


def test_mark_of_utf_16_before_something_else_is_refused(path):
    path.write_bytes(b"\xff\xfe\x00number")

    with pytest.raises(FileUnreadable, match="UTF-16"):
        open_csv(path)


def test_other_delimiter(path):
    assert lines_of(path, "a;b\n1;2\n", ";") == [(2, ["1", "2"])]


def test_progress_adds_up_to_the_size(path):
    path.write_text("a,b\n" + "1,2\n" * 5000)
    progress: list[int] = []

    for _ in read_records(open_csv(path), progress.append):
        pass

    assert sum(progress) == path.stat().st_size
    assert len(progress) > 2
