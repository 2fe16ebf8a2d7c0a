from __future__ import annotations

import msgspec
import pytest

from styled.job import Job, JobState
from styled.titles import input_title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("starry_night.jpg", "starry_night"),
        ("content/cat.jpg", "cat"),
        ("cat.content.jpg", "cat"),
        ("trip/cat-style-2.png", "cat 2"),
        ("starry_night/style.jpg", "starry_night"),
        ("starry_night/style-2.JPG", "starry_night 2"),
        ("harbour/content.png", "harbour"),
        ("style.jpg", "style.jpg"),
        ("Portrait of a lady.v2.png", "Portrait of a lady.v2"),
        ("no-suffix", "no-suffix"),
        (".jpg", ".jpg"),
    ],
)
def test_an_image_is_called_as_its_sender_called_it(name: str, title: str):
    assert input_title(name) == title


def test_a_style_with_a_name_of_its_own_is_in_the_title():
    job = Job(
        id="a", number=1, name="cat", state=JobState.DONE, content="input/content.jpg", styles=("input/style.jpg",)
    )
    assert (job.title, job.style_title) == ("cat", "style.jpg")
    named = msgspec.structs.replace(job, names={"input/style.jpg": "starry_night/style.jpg"})
    assert (named.title, named.style_title) == ("cat × starry_night", "starry_night")
    pair = msgspec.structs.replace(job, names={"input/style.jpg": "cat.style.jpg"})
    assert (pair.title, pair.style_title) == ("cat", "cat")
