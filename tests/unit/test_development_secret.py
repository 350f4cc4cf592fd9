"""The development secret: one per folder, private, the same for processes that start together."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.settings.development import FILE_NAME, development_secret


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    secret = development_secret(folder)
    assert len(secret) == 64
    assert development_secret(folder) == secret
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    development_secret(tmp_path / "new" / "state")
    assert (tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700


def test_open_file_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("mine\n", encoding="ascii")
    (tmp_path / FILE_NAME).chmod(0o644)
    assert development_secret(tmp_path) == "mine"
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_files_of_one_folder_hold_secrets_of_their_own(tmp_path: Path) -> None:
    names = (FILE_NAME, "staff-token")
    made = [development_secret(tmp_path, name) for name in names]
    assert made[0] != made[1]
    assert [development_secret(tmp_path, name) for name in names] == made
    assert {(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {(n, 0o600) for n in names}


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(40)]
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        answers = list(pool.map(development_secret, [folder for folder in folders for _ in range(4)]))
    assert len(set(answers)) == len(folders)


def test_empty_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    with pytest.raises(ConfigurationError, match="is empty"):
        development_secret(tmp_path)


def test_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(ConfigurationError, match="cannot be made or read"):
        development_secret(tmp_path / "state")
