from __future__ import annotations

from pathlib import Path

import pytest

from atdata.errors import StorageError
from atdata.stores.credentials import read_credentials

SECRET = "wJalr/XUtn+FEMI#K7MDENG"
FULL = {
    "AWS_ACCESS_KEY_ID": "AKIA123",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_ENDPOINT": "http://localhost:9000",
    "AWS_REGION": "eu-west-1",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzE==",
}


def write(folder: Path, text: str) -> Path:
    path = folder / "creds.env"
    path.write_text(text)
    return path


def test_a_dict_is_taken_as_it_is() -> None:
    assert read_credentials(FULL) == FULL
    assert read_credentials(FULL | {"HOME": "/root", "AWS_REGION": ""}).keys() == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT",
        "AWS_SESSION_TOKEN",
    }


def test_an_env_file_in_all_its_forms(tmp_path: Path) -> None:
    text = f"""
# the team's bucket
export AWS_ACCESS_KEY_ID=AKIA123
  AWS_SECRET_ACCESS_KEY = '{SECRET}'   # a comment
AWS_ENDPOINT="http://localhost:9000"
AWS_REGION=eu-west-1 # another one
AWS_SESSION_TOKEN="FwoGZXIvYXdzE=="
UNRELATED=
PASSWORD=with#hash
"""
    path = write(tmp_path, text)
    assert read_credentials(path) == read_credentials(str(path)) == FULL


def test_a_hash_inside_a_value_is_not_a_comment(tmp_path: Path) -> None:
    path = write(tmp_path, f"AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY={SECRET}\n")
    assert read_credentials(path)["AWS_SECRET_ACCESS_KEY"] == SECRET


def test_escapes_and_dollar_signs_of_quoted_values(tmp_path: Path) -> None:
    text = 'AWS_ACCESS_KEY_ID="a\\"b"\nAWS_SECRET_ACCESS_KEY="$HOME/${HOME}"\n'
    assert read_credentials(write(tmp_path, text)) == {
        "AWS_ACCESS_KEY_ID": 'a"b',
        "AWS_SECRET_ACCESS_KEY": "$HOME/${HOME}",
    }


def test_line_numbers_of_errors_count_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, f"\n# first\n\n  \n  A {SECRET}\n")
    with pytest.raises(StorageError) as caught:
        read_credentials(path)
    assert str(caught.value.uri) == f"{path}:5"


@pytest.mark.parametrize(
    "line",
    [f"AWS_SECRET_ACCESS_KEY {SECRET}", f"'{SECRET}", f"AWS_SECRET_ACCESS_KEY='{SECRET}",
     f"A={SECRET} {SECRET}", f"1A={SECRET}", f"A='{SECRET}'x", "AWS_REGION"],
)  # fmt: skip
def test_a_bad_line_is_named_by_number_and_not_shown(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"# first\nAWS_ACCESS_KEY_ID=AKIA123\n{line}\n")
    with pytest.raises(StorageError) as caught:
        read_credentials(path)
    assert str(caught.value.uri) == f"{path}:3"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="AWS_SECRET_ACCESS_KEY") as caught:
        read_credentials(write(tmp_path, "AWS_ACCESS_KEY_ID=AKIA123\nAWS_SECRET_ACCESS_KEY=\n"))
    assert "AKIA123" not in str(caught.value)
    with pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID"):
        read_credentials({})


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_file_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "creds.env"
    if kind == "folder":
        path.mkdir()
    if kind == "binary":
        path.write_bytes(b"AWS_ACCESS_KEY_ID=\xff\xfe")
    with pytest.raises(StorageError, match="can't be read") as caught:
        read_credentials(path)
    assert caught.value.uri == str(path)
