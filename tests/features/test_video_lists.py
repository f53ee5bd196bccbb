"""Which videos a folder, a list and a CSV mean."""

import re

import pytest

from avvp_lib.features.video_lists import find_videos, video_id


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_a_folder(tmp_path):
    touch(tmp_path, "b.mp4", "a.MKV", "notes.txt", ".c.77.mp4", "below/d.mp4")
    assert find_videos(tmp_path) == {"a": tmp_path / "a.MKV", "b": tmp_path / "b.mp4"}
    assert list(find_videos(tmp_path)) == ["a", "b"]


def test_a_list_and_a_single_video(tmp_path):
    touch(tmp_path, "here/a.mp4", "b.webm")
    listing = tmp_path / "videos.txt"
    listing.write_text(f"here/a.mp4\n\n{tmp_path / 'b.webm'}\nabsent.mp4\n")
    expected = {"absent": tmp_path / "absent.mp4", "a": tmp_path / "here" / "a.mp4", "b": tmp_path / "b.webm"}
    assert find_videos(listing) == expected
    assert find_videos(tmp_path / "b.webm") == {"b": tmp_path / "b.webm"}


@pytest.mark.parametrize(("name", "video"), [
    ("BjCEufrlXm4_20_30", "BjCEufrlXm4"), ("-a_b_1_2_c9_0_10", "-a_b_1_2_c9"), ("BjCEufrlXm4", "BjCEufrlXm4"),
    ("BjCEufrlXm4_20", "BjCEufrlXm4_20"), ("short_20_30", "short_20_30"),
])  # fmt: skip
def test_ids_of_llp_are_the_first_eleven_characters(name, video):
    assert video_id(name, llp_ids=True) == video and video_id(name) == name


def test_a_csv_chooses_and_what_is_absent_is_kept_by_name(tmp_path):
    touch(tmp_path, "BjCEufrlXm4_20_30.mp4", "unnamed.mp4")
    names = tmp_path / "AVVP_test_pd.csv"
    names.write_text(
        "filename\tevent_labels\nBjCEufrlXm4_20_30\tDog,Speech\n00000000000_0_10\tDog\nBjCEufrlXm4_20_30\tDog\n"
    )
    found = find_videos(tmp_path, names, llp_ids=True)
    assert found == {
        "00000000000": tmp_path / "00000000000_0_10.mp4",
        "BjCEufrlXm4": tmp_path / "BjCEufrlXm4_20_30.mp4",
    }
    assert set(find_videos(tmp_path, names)) == {"00000000000_0_10", "BjCEufrlXm4_20_30"}


def test_llp_videos_named_by_id_are_found_by_the_names_of_its_csv(tmp_path):
    touch(tmp_path, "BjCEufrlXm4.mp4")
    names = tmp_path / "names.csv"
    names.write_text("filename\nBjCEufrlXm4_20_30\n")
    assert find_videos(tmp_path, names, llp_ids=True) == {"BjCEufrlXm4": tmp_path / "BjCEufrlXm4.mp4"}


def test_what_cannot_be_meant(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a folder of videos nor a text file"):
        find_videos(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no video files in"):
        find_videos(tmp_path)
    touch(tmp_path, "BjCEufrlXm4_20_30.mp4", "BjCEufrlXm4.mkv")
    assert len(find_videos(tmp_path)) == 2
    with pytest.raises(ValueError, match=re.escape("2 files in") + ".*are called BjCEufrlXm4"):
        find_videos(tmp_path, llp_ids=True)
    with pytest.raises(FileNotFoundError, match="no file"):
        find_videos(tmp_path, tmp_path / "absent.csv")
    (tmp_path / "empty.csv").write_text("filename\n")
    with pytest.raises(FileNotFoundError, match="names no videos"):
        find_videos(tmp_path, tmp_path / "empty.csv")
