"""``stylize`` and ``paint`` from Python, with the real engine at 64 px and less."""

from __future__ import annotations

import ctypes
import gc
import io
import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
import pytest
import tensorflow as tf
from IPython.core.formatters import DisplayFormatter
from PIL import Image, ImageCms
from tensorflow.python.framework.func_graph import FuncGraph

import styled
from styled.engine.objective import gradient, objective
from styled.errors import Diverged, ImageError, SettingsError

pytestmark = pytest.mark.tensorflow

SAMPLES = Path(styled.__file__).parent / "data" / "samples"
PAIR = (SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg")
WHOLE = {"size": 64, "steps": 3, "scales": []}
"""With the layers of the defaults."""

FIRST_BLOCK = {"content_layers": {"block1_conv2": 1.0}, "style_layers": {"block1_conv1": 1.0}}
"""For what does not depend on how deep the network is: a graph is compiled in a quarter of the time."""

FAST = {**WHOLE, **FIRST_BLOCK}
TINY = {**FAST, "size": 48, "steps": 1}


def test_paths_give_a_picture_and_progress() -> None:
    steps = []
    picture = styled.stylize(*PAIR, progress=lambda it: steps.append(it.step), **WHOLE)
    assert (picture.mode, picture.size) == ("RGB", (64, 43))
    assert steps == [1, 2, 3]


def test_images_in_memory_with_transparency_and_a_mask() -> None:
    """Alpha is kept, and what the mask leaves out stays the photo."""
    content = Image.open(SAMPLES / "rocket.jpg").resize((64, 43)).convert("RGBA")
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    mask = np.zeros((43, 64, 3), np.uint8)
    mask[:, 32:] = 255
    picture = styled.stylize(content, [np.asarray(Image.open(SAMPLES / "starry_night.jpg"))], mask=mask, **FAST)
    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(picture.getchannel("A"), content.getchannel("A"))
    before, after = (np.asarray(image.convert("RGB"), np.int16) for image in (content, picture))
    assert np.abs(after - before)[:, :28].max() <= 1
    assert np.abs(after - before)[:, 36:].mean() > 10


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="'steps'"):
        styled.stylize(*PAIR, stepz=3)


def test_one_colour_in_its_own_style_stays_as_it_is() -> None:
    """Its gradient is zero: there is no way to go."""
    black = np.zeros((43, 64, 3), np.uint8)  # as large as the rocket: compiled already
    with pytest.warns(styled.RemarkWarning, match="one colour"):
        picture = styled.stylize(black, black, **WHOLE)
    assert np.asarray(picture).max() <= 1


class TestRemarks:
    def paint(self, **settings: Any) -> Image.Image:
        return styled.stylize(*PAIR, **{**TINY, **settings})

    def test_they_are_a_warning_once_a_call_at_the_callers_line(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pictures = [styled.stylize(*PAIR, **TINY, seed=number) for number in (1, 2)]
        assert [warning.category for warning in caught] == [styled.RemarkWarning] * 2
        assert {Path(warning.filename).name for warning in caught} == {"test_stylize.py"}
        assert str(caught[0].message) == "; ".join(pictures[0].info["remarks"]) != ""

    def test_paint_tells_at_the_call_and_not_at_the_first_step(self) -> None:
        with pytest.warns(styled.RemarkWarning, match="seed has no effect") as caught:
            styled.paint(*PAIR, **TINY, seed=1)
        assert Path(caught[0].filename).name == "test_stylize.py"

    def test_it_can_be_silenced(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", styled.RemarkWarning)
            assert self.paint(seed=1).info["remarks"]

    def test_without_remarks_there_is_none(self) -> None:
        assert self.paint().info["remarks"] == ()


def test_numpy_numbers_and_paths_are_settings_too() -> None:
    styled.stylize(*PAIR, **{**TINY, "size": np.int64(48)})


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A picture of 64x48 px with all colours and sharp edges."""
    down, right = np.mgrid[0:48, 0:64]
    pixels = np.stack([right * 4, down * 5, (down // 8 + right // 8) % 2 * 200], axis=-1).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


class TestEnding:
    def test_false_ends_it_with_the_picture_as_it_is(self) -> None:
        kept = []

        def progress(iterate: styled.Iterate) -> bool:
            kept.append(iterate.image())
            return iterate.step < 2

        picture = styled.stylize(*PAIR, progress=progress, **FAST)
        assert len(kept) == 2
        np.testing.assert_array_equal(picture, kept[1])

    def test_numpy_s_false_ends_it_too(self) -> None:
        """What a comparison with one of its numbers gives."""
        steps = []

        def progress(iterate: styled.Iterate) -> np.bool_:
            steps.append(iterate.step)
            return np.float32(iterate.step) < 2

        styled.stylize(*PAIR, progress=progress, **FAST)
        assert steps == [1, 2]

    @pytest.mark.parametrize("answer", [None, True, 0, "", np.True_, np.int64(0), np.float32(0)])
    def test_only_false_itself_ends_it(self, answer: object) -> None:
        steps = []
        styled.stylize(*PAIR, progress=lambda it: steps.append(it.step) or answer, **FAST)  # type: ignore[func-returns-value]
        assert steps == [1, 2, 3]

    def test_what_progress_raises_is_raised(self) -> None:
        def progress(iterate: styled.Iterate) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            styled.stylize(*PAIR, progress=progress, **FAST)


class TestPaint:
    def test_each_step_has_its_losses_and_its_picture(self) -> None:
        pictures = []
        for iterate in styled.paint(*PAIR, **FAST):
            assert iterate.losses.total > 0
            pictures.append(np.asarray(iterate.image()))
        assert iterate.last
        assert [len({picture.tobytes() for picture in pictures}), iterate.step, iterate.steps] == [3, 3, 3]
        np.testing.assert_array_equal(pictures[-1], styled.stylize(*PAIR, **FAST))

    def test_a_loop_that_is_left_keeps_the_picture_at_hand(self) -> None:
        for iterate in styled.paint(*PAIR, **FAST):
            seen = np.asarray(iterate.image())
            break
        np.testing.assert_array_equal(iterate.image(), seen)

    def test_wrong_input_is_told_at_the_call(self) -> None:
        with pytest.raises(SettingsError):
            styled.paint(*PAIR, stepz=3)
        with pytest.raises(ImageError):
            styled.paint(SAMPLES / "nothing.jpg", SAMPLES / "starry_night.jpg")

    def test_a_notebook_displays_it(self, photo: Image.Image) -> None:
        content = photo.copy()
        content.putalpha(Image.linear_gradient("L").resize(content.size))
        iterate = next(styled.paint(content, SAMPLES / "starry_night.jpg", **TINY))
        shown, _ = DisplayFormatter().format(iterate)
        with Image.open(io.BytesIO(shown["image/png"])) as picture:
            assert (picture.size, picture.mode) == ((48, 36), "RGBA")
            np.testing.assert_array_equal(picture, iterate.image())

    def test_a_loss_without_a_number_is_an_error_after_the_last_good_picture(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = gradient.gradient_for

        def broken(*arguments: Any, **keywords: Any) -> Any:
            follow, calls = real(*arguments, **keywords), []

            def value(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                calls.append(1)
                terms, slope = follow(image)
                return (terms * np.nan if len(calls) == 3 else terms), slope

            return value

        monkeypatch.setattr("styled.engine.engine.gradient_for", broken)
        iterates = styled.paint(*PAIR, **{**FAST, "steps": 5})
        seen = [next(iterates).image() for _ in range(3)]
        with pytest.raises(Diverged):
            next(iterates)
        assert np.asarray(seen[2]).std() > 10


def saved(picture: Image.Image, folder: Path, suffix: str = ".png", **keywords: Any) -> Path:
    path = folder / f"picture{suffix}"
    picture.save(path, **keywords)
    return path


def decoded(content: Any) -> Image.Image:
    """Return what one step makes of a content, which depends on each of its pixels."""
    return styled.stylize(content, SAMPLES / "starry_night.jpg", **TINY)


@pytest.mark.filterwarnings("ignore::styled.errors.RemarkWarning")  # of the pair, which is all one here
class TestInputs:
    """Each is the same picture, to the bit, as the file that holds the same."""

    @pytest.mark.parametrize(
        "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "RGBa", "La"]
    )
    def test_every_mode_of_pillow(self, photo: Image.Image, tmp_path: Path, mode: str) -> None:
        opaque = photo.convert("RGB")
        alpha = photo.convert("RGBA")
        alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))
        if mode == "I;16":
            given = Image.fromarray(np.asarray(opaque.convert("L")).astype(np.uint16) * 257)
        elif mode == "LAB":
            profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
            given = ImageCms.profileToProfile(opaque, *profiles, outputMode="LAB")
        elif mode in {"RGBa", "La"}:
            given = alpha.convert("LA" if mode == "La" else "RGBA").convert(mode)
        elif mode == "PA":
            given = opaque.convert("P").convert("PA")
        else:
            given = (alpha if mode in {"LA", "RGBA"} else opaque).convert(mode)
        assert given.mode == mode
        in_file = {"RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB", "PA": "RGBA", "RGBa": "RGBA", "La": "LA"}.get(
            mode, mode
        )
        plain = given if in_file == mode else given.convert(in_file)
        path = saved(plain, tmp_path, ".tif" if mode in {"CMYK", "LAB"} else ".png")
        np.testing.assert_array_equal(decoded(given), decoded(path))

    @pytest.mark.parametrize("mode", ["I;16B", "I;16L", "I;16"])
    def test_16_bits_in_each_order(self, photo: Image.Image, mode: str) -> None:
        """Of the big-endian order all was white."""
        levels = np.asarray(photo.convert("L")).astype(np.uint16) * 257
        data = levels.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
        given = Image.frombytes(mode, photo.size, data)
        np.testing.assert_array_equal(decoded(given), decoded(photo.convert("L")))

    def test_a_palette_with_a_transparent_colour(self, photo: Image.Image, tmp_path: Path) -> None:
        palette = photo.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
        path = saved(palette, tmp_path, transparency=3)
        by_path = decoded(path)
        assert by_path.mode == "RGBA"
        with Image.open(path) as opened:
            np.testing.assert_array_equal(decoded(opened), by_path)

    def test_profile_and_orientation_count(self, photo: Image.Image, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        plain = decoded(photo)
        path = saved(photo, tmp_path, exif=exif, icc_profile=profile)
        with Image.open(path) as opened, pytest.warns(styled.RemarkWarning, match="colour profile is for Lab"):
            turned = decoded(opened)
        assert turned.size == (36, 48) != plain.size
        with pytest.warns(styled.RemarkWarning, match="colour profile is for Lab"):
            np.testing.assert_array_equal(turned, decoded(path))

    def test_a_jpeg_by_path_as_file_as_image_and_as_array(self) -> None:
        path = SAMPLES / "rocket.jpg"
        wanted = decoded(path)
        assert decoded(str(path)).tobytes() == wanted.tobytes()
        with path.open("rb") as file:
            assert decoded(file).tobytes() == wanted.tobytes()
        with Image.open(path) as image:
            assert decoded(np.asarray(image)).tobytes() == wanted.tobytes()
            assert decoded(image).tobytes() == wanted.tobytes()

    def test_an_open_file_is_read_from_where_it_stands(self, photo: Image.Image, tmp_path: Path) -> None:
        data = saved(photo, tmp_path).read_bytes()
        file = io.BytesIO(b"header" + data)
        file.seek(6)
        wanted = decoded(photo)
        np.testing.assert_array_equal(decoded(file), wanted)
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
        with os.fdopen(reading, "rb") as pipe:
            np.testing.assert_array_equal(decoded(pipe), wanted)

    @pytest.mark.parametrize("channels", [0, 1, 3, 4])
    def test_arrays(self, photo: Image.Image, channels: int) -> None:
        full = np.asarray(photo.convert("RGBA")).copy()
        full[..., 3] = np.arange(64)[None] * 4
        levels = full[..., 1] if channels == 0 else full[..., :channels]
        wanted = decoded(Image.fromarray(levels[..., 0] if channels == 1 else levels))
        for dtype in (np.uint8, np.float16, np.float32, np.float64):
            given = levels if dtype is np.uint8 else (levels / 255.0).astype(dtype)
            np.testing.assert_array_equal(decoded(given), wanted, err_msg=str(dtype))

    def test_arrays_of_any_strides(self, photo: Image.Image) -> None:
        pixels = np.asarray(photo)
        np.testing.assert_array_equal(
            decoded(pixels[::-1, :, ::-1]), decoded(np.ascontiguousarray(pixels[::-1, :, ::-1]))
        )
        np.testing.assert_array_equal(decoded(np.asfortranarray(pixels)), decoded(pixels))

    WRONG: ClassVar = [
        (np.zeros((8, 8, 2), np.uint8), "shape (8, 8, 2)"),
        (np.zeros((1, 8, 8, 3), np.uint8), "shape (1, 8, 8, 3)"),
        (np.zeros(8, np.uint8), "shape (8,)"),
        (np.zeros((), np.uint8), "shape ()"),
        (np.zeros((0, 8, 3), np.uint8), "without pixels"),
        (np.zeros((8, 8), np.int64), "int64"),
        (np.zeros((8, 8), np.uint16), "uint16"),
        (np.zeros((8, 8), bool), "bool"),
        (np.zeros((8, 8), complex), "complex"),
        (np.zeros((8, 8), object), "object"),
        (np.array([["a", "b"]]), "<U1"),
        (np.full((8, 8, 3), 255.0), "Divide by 255"),
        (np.full((8, 8, 3), -0.5), "0..1"),
        (np.full((8, 8, 3), np.nan), "nan"),
        (np.full((8, 8, 3), np.inf), "inf"),
        (None, "NoneType"),
        (7, "an int"),
        (b"\x89PNG", "a bytes"),
        (object(), "an object"),
        ([1, 2], "a list"),
        ("", "not a regular file"),
        ("a\0b", "zero byte"),
        ("x" * 5000, "cannot be opened"),
        ("no/such.png", "No such file"),
        (Path("/"), "not a regular file"),
        (io.BytesIO(), "nothing to read"),
        (io.BytesIO(b"no image"), "the content image is a text, not an image"),
        (io.StringIO("text"), "mode 'rb'"),
        (np.ma.masked_array(np.zeros((8, 8), np.uint8), mask=np.eye(8)), "masked values"),
        (Image.new("I", (8, 8)), "32-bit"),
        (Image.linear_gradient("L").convert("F"), "floating point"),
        (Image.new("RGB", (0, 8)), "the content image"),
    ]

    @pytest.mark.parametrize(("wrong", "reason"), WRONG)
    def test_what_is_no_image_is_told_with_what_would_be(self, wrong: object, reason: str) -> None:
        with pytest.raises(ImageError) as error:
            styled.paint(wrong, SAMPLES / "starry_night.jpg", **TINY)  # type: ignore[arg-type]
        assert reason in str(error.value)
        assert error.value.advice

    def test_a_closed_file_is_told(self, tmp_path: Path, photo: Image.Image) -> None:
        file = saved(photo, tmp_path).open("rb")
        file.close()
        with pytest.raises(ImageError, match="closed file"):
            styled.paint(file, SAMPLES / "starry_night.jpg", **TINY)

    @pytest.mark.parametrize("wrong", [7, None, b"x", {}, [7], [SAMPLES / "starry_night.jpg", None]])
    def test_the_styles_likewise(self, wrong: object) -> None:
        with pytest.raises(ImageError, match="style image"):
            styled.paint(SAMPLES / "rocket.jpg", wrong, **TINY)  # type: ignore[arg-type]

    def test_no_style_at_all(self) -> None:
        with pytest.raises(SettingsError, match="no style image"):
            next(styled.paint(SAMPLES / "rocket.jpg", [], **TINY))

    def test_several_styles_from_any_iterable(self) -> None:
        styles = [SAMPLES / "starry_night.jpg", SAMPLES / "rocket.jpg"]
        ours = styled.stylize(SAMPLES / "rocket.jpg", (path for path in styles), **TINY)  # type: ignore[arg-type]
        np.testing.assert_array_equal(ours, styled.stylize(SAMPLES / "rocket.jpg", styles, **TINY))


class Mallinfo2(ctypes.Structure):
    """Of glibc's <malloc.h>, bytes."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
                     "keepcost")
    ]  # fmt: skip


class TestManyPictures:
    """One process that paints a thousand photos."""

    @staticmethod
    def paint(size: int, picture: int, **settings: Any) -> None:
        generator = np.random.default_rng(picture)
        content, style = (generator.integers(0, 256, (150, 200, 3), np.uint8) for _ in range(2))
        styled.stylize(content, style, size=size, steps=1, **FIRST_BLOCK, **settings)

    @staticmethod
    def memory() -> float:
        """What this process holds, MB, without the pages of files: other processes map TensorFlow too, or no longer."""
        gc.collect()
        info = psutil.Process().memory_info()
        return float((info.rss - info.shared) / 1e6)

    @staticmethod
    def graphs() -> int:
        """How many compiled functions' graphs this process holds."""
        gc.collect()
        return sum(isinstance(each, FuncGraph) for each in gc.get_objects())

    @staticmethod
    def allocated() -> float:
        """What this process has from the C library's allocator, MB: TensorFlow's arrays and NumPy's are among it."""
        library = ctypes.CDLL(None)
        library.mallinfo2.restype = Mallinfo2
        found = library.mallinfo2()
        return float((found.uordblks + found.hblkhd) / 1e6)

    def test_memory_stays_where_it_is_at_one_size(self) -> None:
        for call in range(6):
            self.paint(64, call)
        before = self.memory()
        for call in range(20):
            self.paint(64, call)
        assert (self.memory() - before) / 20 < 0.5

    def test_no_array_of_the_pictures_size_is_left_by_a_call(self) -> None:
        """One has 0.15 MB, and what the process holds comes and goes by 15 with arrays as large as these layers'."""
        for call in range(4):
            self.paint(128, call)
        graphs, allocated = self.graphs(), self.allocated()
        for call in range(12):
            self.paint(128, call)
        assert self.graphs() == graphs
        assert (self.allocated() - allocated) / 12 < 0.12

    def test_memory_hardly_grows_at_all_sizes(self) -> None:
        """Graphs can be counted: as many are left after each call. Of the rest, what the allocator keeps differs."""
        warm, measured = (80, 48, 72, 56), (76, 60, 64)
        for call, size in enumerate(warm):
            self.paint(size, call)
        before, graphs = self.memory(), self.graphs()
        for call, size in enumerate(measured):
            self.paint(size, call)
        assert self.graphs() == graphs
        assert self.memory() - before < len(measured) * 10

    def test_the_network_is_built_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paint(60, 0)
        built = []
        monkeypatch.setattr(gradient, "FeatureExtractor", lambda *_, **__: built.append(1))
        monkeypatch.setattr(gradient, "load_weights", lambda *_: built.append(1))
        self.paint(60, 1)
        self.paint(64, 2)
        self.paint(64, 2, statistic="wasserstein", content_weight=3.0)
        assert built == []

    def test_a_second_picture_of_a_shape_traces_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever its pixels and the weights are: so its first step comes at once."""
        self.paint(64, 0)
        traced, graphs = [], self.graphs()
        monkeypatch.setattr(tf, "function", lambda *_, **__: traced.append(1))
        monkeypatch.setattr(objective.Loss, "terms", lambda *_: traced.append(1))
        for call in range(1, 4):
            self.paint(64, call, content_weight=10.0 * call, style_weight=500.0 * call)
        assert traced == []
        assert self.graphs() == graphs

    @pytest.mark.parametrize("settings", [{"optimizer": "adam"}, {"statistic": "wasserstein", "normalize": "energy"}])
    def test_what_was_compiled_for_one_pair_paints_another_as_if_it_were_the_first(
        self, settings: dict[str, Any]
    ) -> None:
        """To the bit: nothing of the pair before is left in it."""
        pairs = [PAIR, (SAMPLES / "rocket-starry-night.jpg", SAMPLES / "rocket.jpg")]
        painted: dict[int, list[Any]] = {0: [], 1: []}
        for order in ((0, 1, 0), (1, 0, 1)):
            gradient._extractors = type(gradient._extractors)(kept=2)
            for number in order:
                painted[number].append(styled.stylize(*pairs[number], **TINY, **settings))
        for pictures in painted.values():  # one of each was painted first
            for picture in pictures[1:]:
                np.testing.assert_array_equal(picture, pictures[0])
