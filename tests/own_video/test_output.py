"""A folder is whole or absent, and nothing of anybody else's is overwritten."""

import os
from pathlib import Path

import pytest

from avvp_lib.own_video import output
from avvp_lib.own_video.output import FILES, OutputError, whole_folder, write_files
from tests.media_files import grey_frames, tone, write_clip, write_normal
from tests.own_video.small_parser import parsed_video


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole(tmp_path):
    out = tmp_path / "deep" / "out"
    with whole_folder(out) as temporary:
        assert write_files(parsed_video(tmp_path / "clip.mp4"), temporary, out) == sorted(FILES)
        assert not out.exists()
    assert left(out) == sorted(FILES) and left(out.parent) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_left_when_it_fails(tmp_path, error, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with pytest.raises(error), whole_folder(out) as temporary:
        (temporary / "events.csv").write_text("half")
        raise error
    assert left(tmp_path) == (["out"] if there else []) and (not there or left(out) == [])


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("three years")
    for overwrite in (False, True):
        with (
            pytest.raises(OutputError, match=r"not empty|more than an earlier parse"),
            whole_folder(tmp_path / "out", overwrite),
        ):
            pytest.fail("it went on")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "three years" and left(tmp_path) == ["out"]


def test_an_earlier_parse_is_replaced_on_request_only(tmp_path):
    out = tmp_path / "out"
    for start, overwrite in ((0.0, False), (5.0, True)):
        with whole_folder(out, overwrite) as temporary:
            write_files(parsed_video(tmp_path / "clip.mp4", start), temporary, out)
    assert '"start": 5.0' in (out / "parsed.json").read_text() and left(tmp_path) == ["out"]
    with pytest.raises(OutputError, match="--overwrite"), whole_folder(out):
        pytest.fail("it went on")
    with pytest.raises(ValueError, match="later"), whole_folder(out, True):
        raise ValueError("later")
    assert '"start": 5.0' in (out / "parsed.json").read_text() and left(tmp_path) == ["out"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    out = tmp_path / "out"
    with whole_folder(out) as temporary:
        write_files(parsed_video(tmp_path / "clip.mp4"), temporary, out)
    real, calls = os.rename, []

    def rename(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(output.os, "rename", rename)
    with pytest.raises(OutputError, match="No space left"), whole_folder(out, True) as temporary:
        (temporary / "parsed.json").write_text("new")
    assert left(out) == sorted(FILES) and left(tmp_path) == ["out"]


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is a file"), whole_folder(tmp_path / "out"):
        pytest.fail("it went on")
    with pytest.raises(OutputError, match="cannot be made"), whole_folder(tmp_path / "out" / "below"):
        pytest.fail("it went on")


def test_a_place_where_nobody_may_write(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)  # to root nothing is read-only
    with pytest.raises(OutputError, match="Permission denied"), whole_folder(tmp_path / "out"):
        pytest.fail("it went on")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"), whole_folder(tmp_path / "out"):
            pytest.fail("it went on")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OutputError, match="No space left"), whole_folder(tmp_path / "out") as temporary:
        write_files(parsed_video(tmp_path / "clip.mp4"), temporary, tmp_path / "out")
    assert left(tmp_path) == []


def test_a_copy_lies_beside_the_page(tmp_path):
    clip, out = write_normal(tmp_path / "clip.mp4", 1), tmp_path / "out"
    with whole_folder(out) as temporary:
        write_files(parsed_video(clip), temporary, out, videos="copy")
    assert (out / "video.mp4").read_bytes() == clip.read_bytes()
    assert (
        'src="video.mp4"' in (out / "index.html").read_text()
        and 'RELATIVE_MEDIA_URL="video.mp4"' in (out / "elan.eaf").read_text()
    )


def test_another_container_is_put_into_mp4_with_the_same_pictures(tmp_path):
    from avvp_lib.features.media import read_media

    clip, out = write_normal(tmp_path / "clip.mkv", 2), tmp_path / "out"
    with whole_folder(out) as temporary:
        write_files(parsed_video(clip), temporary, out, videos="copy")
    before, after = read_media(clip, seconds=2), read_media(out / "video.mp4", seconds=2)
    assert (before.frames == after.frames).all()


def test_codecs_that_do_not_fit_are_said(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", grey_frames(8), tone(1, 16_000), audio_codec="wavpack")
    with (
        pytest.raises(OutputError, match="leave out --video copy"),
        whole_folder(tmp_path / "out") as temporary,
    ):
        write_files(parsed_video(clip), temporary, tmp_path / "out", videos="copy")
    assert left(tmp_path) == ["clip.mkv"]
