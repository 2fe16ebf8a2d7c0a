from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styled.errors import SettingsError
from styled.files.printable import is_hostile
from styled.inbox.job_toml import _ALLOWED_TEXTS, MAX_BYTES, parse_job_toml, resolve
from styled.settings import Settings


def test_settings_and_priority_are_read():
    found = parse_job_toml(b"style_weight = 2000.0\nsize = 512\npriority = 5\n", "job.toml")
    assert (found.settings, found.priority) == ({"style_weight": 2000.0, "size": 512}, 5)


def test_an_empty_file_changes_nothing():
    assert parse_job_toml(b"", "job.toml").settings == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"style_wieght = 1", "Did you mean 'style_weight'"),
        (b"prioritty = 1", "Did you mean 'priority'"),
        (b"size = 512\nseed = = 4", "line 2"),
        (b"size = 512\nseed = '\xff'", "line 2"),
        (b"size = 3", "from 32 to 65,536"),
        (b"size = 'big'", "whole number"),
        (b"priority = 5000", "-1000 to 1000"),
        (b"priority = true", "-1000 to 1000"),
        (b"priority = 'high'", "-1000 to 1000"),
        (b"init = '/etc/passwd'", "content, noise, style or job:<id>"),
        (b"init = '../secret.png'", "content, noise, style or job:<id>"),
        (b"init = 'job:../../etc'", "content, noise, style or job:<id>"),
        (b"init = 'job:..'", "content, noise, style or job:<id>"),
        (b"init = 'content.png'", "content, noise, style or job:<id>"),
        (b"weights = '/etc/shadow.h5'", "builtin or imagenet"),
        (b"weights = 'builtin/../x.h5'", "builtin or imagenet"),
        (b"names = 3", "styles = "),
        (b"names = {contents = 'cat.jpg'}", "contents"),
        (b"names = {content = '../cat.jpg'}", "not the name of a file"),
        (b'names = {styles = ["a\\u001b[2J.jpg"]}', "not the name of a file"),
        (b"names = {mask = '" + b"m" * 256 + b"'}", "255"),
        (b"style_weight = nan", "finite|number"),
        (b"style_layers = {block9_conv1 = 1.0}", "block"),
        (b"[" * 5000, "nested too deeply|not TOML"),
        (b"seed = " + b"1" * 5000, "not TOML"),
        (b"#" * (MAX_BYTES + 1), "16 KiB"),
        (b"size = 0x" + b"f" * 5000, "size: an integer has more than 64 bits"),
        (b"size = " + b"9" * 5000, "is not TOML"),
        (b"style_weight = -inf", "style_weight: a number is not finite"),
        (b'preset = "a\\u0000b"', "preset: a text has a NUL in it"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(text: bytes, words: str):
    with pytest.raises(SettingsError, match=words):
        parse_job_toml(text, "job.toml")


@pytest.mark.parametrize("init", ["content", "noise", "style", "job:20261122-201500-harbour", "job:7", "job:été"])
def test_a_pair_may_start_from_what_styled_knows(init: str):
    assert parse_job_toml(f"init = '{init}'".encode(), "job.toml").settings == {"init": init}


def test_every_setting_that_is_a_free_text_is_limited_here():
    """A new setting that could name a path must be added to the list, or a dropped file could read any file."""
    free = [
        field.name
        for field in msgspec.structs.fields(Settings)
        if isinstance(field.default, str) and _accepts(field.name, "/etc/passwd")
    ]
    assert set(free) == set(_ALLOWED_TEXTS)


def _accepts(name: str, value: str) -> bool:
    try:
        msgspec.convert({name: value}, Settings)
    except msgspec.ValidationError:
        return False
    return True


def test_a_pairs_own_settings_win_over_the_roots_defaults():
    found = resolve({"size": 256, "seed": 3}, {"size": 512}, source="job.toml")
    assert (found.size, found.seed, found.steps) == (512, 3, Settings().steps)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(SettingsError, match="content_weight and style_weight"):
        resolve({"content_weight": 0.0}, {"style_weight": 0.0}, source="harbour.toml")


key = st.sampled_from([*Settings.__struct_fields__, "priority", "x", "size.y", '"\\u001b"', "''"])
value = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=20).map(repr),
    st.sampled_from(["[]", "{}", "[[1]]", "1979-05-27", "inf", "nan"]),
)
lines = st.lists(st.builds(lambda name, text: f"{name} = {text}", key, value), max_size=6).map("\n".join)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200), lines.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_whatever_is_in_the_file_it_is_settings_or_a_harmless_error(data: bytes):
    try:
        found = parse_job_toml(data, "job.toml")
    except SettingsError as error:
        assert not is_hostile(str(error)), str(error)  # noqa: PT017  # nothing else may come out
        assert len(str(error)) < 2000  # noqa: PT017
    else:
        resolve({}, {}, source="job.toml")
        assert -1000 <= found.priority <= 1000


@pytest.mark.parametrize(
    "data",
    [
        b"a." * (MAX_BYTES // 2 - 10) + b"b = 1",
        b"[a]\n" + b"[[a.b]]\n" * (MAX_BYTES // 9),
        b"".join(b"k%d = 1\n" % n for n in range(1500)),
        b"style_layers = {" + b"x" * 15000 + b" = 1.0}",
        b"x" * 15000 + b" = 1",
        b"seed = '''" + b"\\" * 15000 + b"'''",
        b"scales = [" + b"64," * 5000 + b"]",
    ],
    ids=["dots", "tables", "keys", "long layer", "long key", "long text", "long list"],
)
def test_a_hostile_file_of_the_largest_size_takes_no_long_time(data: bytes):
    start = time.process_time()
    with pytest.raises(SettingsError) as caught:
        parse_job_toml(data[:MAX_BYTES], "job.toml")
    assert time.process_time() - start < 5.0
    assert len(str(caught.value)) < 2000
