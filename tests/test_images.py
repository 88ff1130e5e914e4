"""`data=images`: what is read from a folder of the user's images, and what is refused."""

import os
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_exp import data
from vae_exp.config import ImagesConfig
from vae_exp.data.decoding import read_image, read_images
from vae_exp.errors import UserError

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, 255 - GREY, np.full_like(GREY, 7)], axis=-1)


def save(path, pixels=GREY, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def load(folder, **options):
    return data.load(ImagesConfig(root=str(folder), **{"size": 8, "val_fraction": 0, "test_fraction": 0, **options}))


def refusal(folder, **options):
    """Return the one-line error for a folder that is refused."""
    with pytest.raises(UserError) as error:
        load(folder, **options)
    assert str(error.value).isprintable()
    return str(error.value)


# What is read


@pytest.mark.parametrize("name", ["a.png", "A.PNG"])
def test_a_grey_image_keeps_its_pixels(tmp_path, name):
    save(tmp_path / name)
    splits = load(tmp_path)
    assert splits.train.images.tolist() == [[GREY.tolist()]]
    assert splits.train.labels is None
    assert splits.classes is None


def test_a_colour_image_keeps_its_pixels_channels_first(tmp_path):
    save(tmp_path / "a.png", COLOUR)
    assert torch.equal(load(tmp_path).train.images[0], torch.from_numpy(COLOUR).permute(2, 0, 1))


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_a_jpeg_is_read(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", np.full((8, 8), 100, np.uint8), quality=95)
    assert load(tmp_path).train.images.unique().tolist() == [100]


def test_one_bit_images_are_grey_and_palettes_are_colour(tmp_path):
    save(tmp_path / "bits" / "a.png", GREY > 100)
    assert load(tmp_path / "bits").train.images.unique().tolist() == [0, 255]
    palette = Image.fromarray(COLOUR).convert("P", palette=Image.Palette.ADAPTIVE)
    (tmp_path / "palette").mkdir()
    palette.save(tmp_path / "palette" / "a.png")
    expected = np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    assert load(tmp_path / "palette").train.images[0].tolist() == expected.tolist()


def test_images_of_any_size_are_resized_to_squares(tmp_path):
    half = np.zeros((20, 40), np.uint8)
    half[:, 20:] = 200
    save(tmp_path / "a.png", half)
    (image,) = load(tmp_path, size=4).train.images[:, 0]
    assert image.shape == (4, 4)
    assert (image[:, 0] == 0).all()
    assert (image[:, 3] == 200).all()


def test_a_photograph_is_rotated_by_its_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise
    save(tmp_path / "a.png", GREY, exif=exif)
    assert load(tmp_path).train.images[0, 0].tolist() == np.rot90(GREY, -1).tolist()


def test_subfolders_are_labels_in_alphabetical_order_and_splits_are_stratified(tmp_path):
    for label, number in (("zebra", 20), ("ant", 10)):
        for i in range(number):
            save(tmp_path / label / "deeper" / f"{i}.png", np.full((8, 8), number + i, np.uint8))
    splits = load(tmp_path, val_fraction=0.1, test_fraction=0.2)
    assert splits.classes == ("ant", "zebra")
    assert {name: split.labels.bincount().tolist() for name, split in splits.items()} == {
        "train": [7, 14],
        "val": [1, 2],
        "test": [2, 4],
    }
    for _, split in splits.items():
        assert ((split.images[:, 0, 0, 0] >= 20).long() == split.labels).all()


def test_the_splits_do_not_depend_on_the_order_of_files_on_disk(tmp_path):
    for folder, order in (("a", range(12)), ("b", reversed(range(12)))):
        for i in order:
            save(tmp_path / folder / f"{i}.png", np.full((8, 8), i, np.uint8))
    digests = {load(tmp_path / folder, test_fraction=0.5).digest for folder in ("a", "b")}
    assert len(digests) == 1


def test_files_that_are_not_images_are_skipped_and_logged(tmp_path, caplog):
    save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    assert len(load(tmp_path).train.images) == 1
    assert "1 files are neither PNG nor JPEG and are left out" in caplog.text


def test_hidden_and_system_files_are_skipped(tmp_path, caplog):
    save(tmp_path / "cats" / "a.png")
    save(tmp_path / "dogs" / "b.png")
    for rubbish in (".ipynb_checkpoints/a.png", "__MACOSX/cats/._a.png", "cats/._a.png", ".hidden.png"):
        save(tmp_path / rubbish, COLOUR)
    for rubbish in ("cats/Thumbs.db", ".DS_Store", "dogs/.DS_Store", "desktop.ini"):
        (tmp_path / rubbish).write_bytes(b"\0")
    (tmp_path / ".link").symlink_to("/")
    splits = load(tmp_path)
    assert splits.classes == ("cats", "dogs")
    assert len(splits.train.images) == 2
    assert not caplog.records


# Folders that are splits


def save_split(folder, split, numbers, label=None):
    for i in numbers:
        save(folder / split / (label or ("even", "odd")[i % 2]) / f"{i}.png", np.full((8, 8), i, np.uint8))


def levels(split):
    return sorted(split.images[:, 0, 0, 0].tolist())


def test_folders_named_train_val_and_test_are_splits_and_their_subfolders_labels(tmp_path):
    save_split(tmp_path, "train", range(10))
    save_split(tmp_path, "val", range(10, 14))
    save_split(tmp_path, "test", range(20, 23), "odd")
    splits = load(tmp_path, val_fraction=0.1, test_fraction=0.2)
    assert splits.classes == ("even", "odd")
    assert [levels(split) for _, split in splits.items()] == [list(range(10)), [10, 11, 12, 13], [20, 21, 22]]
    assert splits.test.labels.tolist() == [1, 1, 1]
    assert ((splits.train.images[:, 0, 0, 0] % 2).long() == splits.train.labels).all()


def test_a_split_without_a_folder_is_taken_from_the_training_images(tmp_path):
    save_split(tmp_path, "Train", range(20))
    save_split(tmp_path, "test", range(20, 25))
    splits = load(tmp_path, val_fraction=0.1, test_fraction=0.2)
    assert levels(splits.test) == [20, 21, 22, 23, 24]
    assert len(splits.val.images) == 2
    assert sorted(levels(splits.train) + levels(splits.val)) == list(range(20))


def test_splits_without_subfolders_have_no_labels(tmp_path):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "validation" / "b.png", 255 - GREY)
    splits = load(tmp_path)
    assert splits.classes is None
    assert splits.val.images.tolist() == [[(255 - GREY).tolist()]]
    assert splits.test is None


def test_two_folders_for_one_split_are_refused(tmp_path):
    for split in ("train", "val", "valid"):
        save(tmp_path / split / "a.png")
    assert refusal(tmp_path) == f"{tmp_path} must name the val split once, got val, valid"


def test_labels_with_the_names_of_splits_stay_labels(tmp_path):
    for label in ("test", "train", "tram"):
        save(tmp_path / label / "a.png")
    assert load(tmp_path).classes == ("test", "train", "tram")
    for label in ("test", "val"):  # there is none to train on
        save(tmp_path / "other" / label / "a.png")
    assert load(tmp_path / "other").classes == ("test", "val")


# Shapes, channels and metadata


def test_width_gives_images_that_are_not_square(tmp_path):
    half = np.zeros((20, 40), np.uint8)
    half[:, 20:] = 200
    save(tmp_path / "a.png", half)
    (image,) = load(tmp_path, size=2, width=4).train.images[:, 0]
    assert image[:, [0, 3]].tolist() == [[0, 200]] * 2
    assert image.shape == (2, 4)


def transparent(pixels, alpha):
    return np.dstack([pixels, np.full(pixels.shape[:2], alpha, np.uint8)])


def test_channels_converts_images_of_every_mode(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", COLOUR)
    save(tmp_path / "c.png", transparent(COLOUR, 0))
    save(tmp_path / "d.png", transparent(COLOUR, 255))
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "e.jpg", quality=100)
    Image.fromarray(COLOUR).convert("P").save(tmp_path / "f.png")
    save(tmp_path / "g.png", GREY, transparency=0)
    files = sorted(tmp_path.iterdir())
    pixels = dict(zip("abcdefg", read_images(list(map(str, files)), files.__getitem__, (8, 8), 3), strict=True))
    assert (pixels["a"] == GREY).all()
    assert (pixels["b"] == COLOUR.transpose(2, 0, 1)).all()
    assert (pixels["c"] == 255).all(), "what is transparent is white"
    assert (pixels["d"] == pixels["b"]).all()
    assert np.abs(pixels["e"].astype(int) - pixels["b"]).mean() < 8  # what JPEG loses
    assert pixels["f"].shape == (3, 8, 8)
    assert (pixels["g"] == np.where(GREY == 0, 255, GREY)).all()
    grey = load(tmp_path, channels=1).train.images
    assert grey.shape == (7, 1, 8, 8)
    assert len(load(tmp_path, channels=3).train.images) == 7


def test_without_channels_the_error_suggests_it(tmp_path):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
    assert "set data.channels=1 for grey or 3 for colour to convert all images" in refusal(tmp_path)


@pytest.mark.parametrize("mode", [0, 2, 4, 6], ids=["grey", "colour", "grey with alpha", "colour with alpha"])
@pytest.mark.parametrize("channels", [None, 3])
def test_images_with_16_bits_per_channel_are_refused(tmp_path, mode, channels):
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[mode]
    path = tmp_path / "a.png"
    path.write_bytes(png(2, 2, zlib.compress((b"\0" + bytes(2 * 2 * samples)) * 2), depth=16, mode=mode))
    message = f"{path} has 16 bits per channel, which is not supported; convert it to 8 bits first"
    assert refusal(tmp_path, channels=channels) == message


@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*", b"Exif\0\0hello", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_image_with_damaged_exif_is_read_and_logged(tmp_path, name, exif, caplog):
    path = save(tmp_path / name, np.full((8, 8), 100, np.uint8), exif=exif)
    assert load(tmp_path).train.images.unique().tolist() == [100]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [str(path)]


def test_a_link_to_an_image_in_the_same_folder_is_read(tmp_path):
    (tmp_path / "b.png").symlink_to(save(tmp_path / "a.png"))
    assert len(load(tmp_path).train.images) == 2


def test_the_image_folder_may_be_a_link_with_spaces_and_korean_letters(tmp_path):
    save(tmp_path / "사진 한 장" / "강아지" / "가.png")
    (tmp_path / "연결 된").symlink_to(tmp_path / "사진 한 장")
    assert load(tmp_path / "연결 된").classes == ("강아지",)


# What is refused


def test_a_root_that_is_unset_missing_or_a_file_is_refused(tmp_path):
    assert refusal(tmp_path / "none") == f"data.root must be a folder that exists, got '{tmp_path / 'none'}'"
    save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png").startswith("data.root must be a folder that exists, got ")
    with pytest.raises(UserError, match=r"^data\.root must be a folder of PNG or JPEG files, got None$"):
        data.load(ImagesConfig())


@pytest.mark.parametrize("file", [None, "notes.txt"])
def test_a_folder_without_images_is_refused(tmp_path, file):
    if file:
        (tmp_path / file).touch()
    found = f"found none among the {0 if file is None else 1} files of {tmp_path}"
    assert refusal(tmp_path) == f"data.root must hold PNG or JPEG files, {found}"


def test_grey_and_colour_together_are_refused_with_both_names(tmp_path):
    grey, colour = save(tmp_path / "a.png"), save(tmp_path / "b.png", COLOUR)
    assert refusal(tmp_path).startswith(f"{colour} is colour, but {grey} is grey; set data.channels=1 ")


def test_images_both_inside_and_outside_subfolders_are_refused(tmp_path):
    save(tmp_path / "cats" / "a.png")
    save(tmp_path / "b.png")
    assert "must hold images either in subfolders or directly, got both: b.png is in none" in refusal(tmp_path)


ALPHA = np.dstack([COLOUR, GREY])


@pytest.mark.parametrize("make", [lambda path: save(path, ALPHA), lambda path: save(path, GREY, transparency=0)])
def test_an_alpha_channel_is_refused(tmp_path, make):
    path = make(tmp_path / "a.png")
    assert refusal(tmp_path).startswith(f"{path} has transparent pixels; set data.channels=1 ")


@pytest.mark.parametrize("content", [b"", b"not an image", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_not_an_image_is_refused_by_name(tmp_path, content):
    save(tmp_path / "a.png")
    path = tmp_path / "b.png"
    path.write_bytes(content)
    assert refusal(tmp_path).startswith(f"{path} can't be read as PNG or JPEG: ")


def test_an_image_whose_format_differs_from_its_suffix_is_refused(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.gif")
    path = (tmp_path / "a.gif").rename(tmp_path / "a.png")
    assert refusal(tmp_path).startswith(f"{path} can't be read as PNG or JPEG: ")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_every_truncated_image_is_refused(tmp_path, name):
    path = save(tmp_path / name, COLOUR)
    content = path.read_bytes()
    end = 32 if name == "a.png" else 2  # checksums and an end marker follow the last pixel
    for length in range(len(content) - end):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=re.escape(str(path))):
            read_image(str(path), path, (8, 8))


def damaged_images(tmp_path, draws):
    """Return an image file with random changes."""
    path = tmp_path / draws.draw(st.sampled_from(["a.png", "a.jpg"]))
    exif = Image.Exif()
    exif[0x0112] = 6
    content = bytearray(save(path, draws.draw(st.sampled_from([GREY, COLOUR])), exif=exif).read_bytes())
    for _ in range(draws.draw(st.integers(1, 4))):
        content[draws.draw(st.integers(0, len(content) - 1))] = draws.draw(st.integers(0, 255))
    path.write_bytes(content[: draws.draw(st.integers(0, len(content)))])
    return path


def read_or_refuse(path):
    try:
        image, _ = read_image(str(path), path, (8, 8))
    except UserError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert message.isprintable()
    else:
        assert image.shape in ((1, 8, 8), (3, 8, 8))


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
long = settings(quick, max_examples=20_000)


@quick
@given(st.data())
def test_a_damaged_image_is_read_or_refused_by_name(tmp_path, draws):
    read_or_refuse(damaged_images(tmp_path, draws))


@pytest.mark.faults
@long
@given(st.data())
def test_many_damaged_images_are_read_or_refused_by_name(tmp_path, draws):
    read_or_refuse(damaged_images(tmp_path, draws))


# Untrusted files


def png(width, height, data=b"", depth=8, mode=0):
    """Return a PNG that claims this size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_500, 30_000, 2**31 - 1])
def test_a_small_file_that_claims_a_huge_image_is_refused_before_it_is_decoded(tmp_path, side):
    path = tmp_path / "a.png"
    path.write_bytes(png(side, side, zlib.compress(bytes(100_000))))
    assert refusal(tmp_path).startswith(f"{path} can't be read as PNG or JPEG: ")


def test_a_size_that_would_fill_the_memory_is_refused(tmp_path):
    save(tmp_path / "a.png")
    message = refusal(tmp_path, size=10**9)
    assert re.fullmatch(r"1 images of 1000000000×1000000000 .* free memory of [\d.]+ GiB, got 1.86e\+09 GiB", message)


def test_a_link_out_of_the_folder_or_to_a_folder_is_not_followed(tmp_path):
    secret = save(tmp_path / "secret" / "a.png")
    for name, target in (("file.png", secret), ("folder", secret.parent), ("self.png", "self.png")):
        folder = tmp_path / name.split(".")[0]
        save(folder / "a.png")
        (folder / name).symlink_to(target)
        assert str(folder / name) in refusal(folder)


def test_names_with_control_characters_are_refused_and_not_printed(tmp_path):
    save(tmp_path / "a\x1b[31m.png")
    assert "must have a name of printable characters" in refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_among_the_images_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert refusal(tmp_path) == f"{tmp_path / 'a.png'} must be a file or a folder"


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to change the user")
def test_a_folder_or_file_without_read_permission_is_refused_by_name(tmp_path):
    # Root may read everything, so read as another user; start here, since that user may not enter the parent folders.
    tmp_path.chmod(0o755)
    for name, closed in (("folder", "."), ("file", "a.png")):
        save(tmp_path / name / "a.png")
        (tmp_path / name).chmod(0o755)
        (tmp_path / name / closed).chmod(0)
    script = (
        "from vae_exp.data.image_files import *\nfrom vae_exp.data.decoding import read_images\n"
        "for name in ('folder', 'file'):\n"
        "    try: files = find_images(Path(name)); read_images(list(map(str, files)), files.__getitem__, (8, 8))\n"
        "    except UserError as error: print(error)\n"
    )
    # That user may not be allowed to read the interpreter's files, so import everything before changing the user.
    become = "import os, vae_exp.data.image_files, PIL.PngImagePlugin, PIL.JpegImagePlugin; os.setuid(65534)\n"
    done = subprocess.run(
        [sys.executable, "-c", become + script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folder, file = done.stdout.splitlines()
    assert folder.startswith("data.root can't be read: ")
    assert "folder" in folder
    assert file.startswith("file/a.png can't be read as PNG or JPEG: ")


# Sizes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_fraction": 0.1}, "data.val_fraction must be 0 or give at least one of 4 images, got 0.1"),
        ({"test_fraction": 0.1}, "data.test_fraction must be 0 or give at least one of 4 images, got 0.1"),
        (
            {"val_fraction": 0.45, "test_fraction": 0.45},
            "data.val_fraction + data.test_fraction must leave a training image of 4, got 0.9",
        ),
    ],
)
def test_fractions_that_leave_a_split_empty_are_refused(tmp_path, options, message):
    for i in range(4):
        save(tmp_path / f"{i}.png")
    assert refusal(tmp_path, **options) == message
