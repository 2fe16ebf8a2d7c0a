"""Results to look at: the page ``evolution/index.html`` and the contact sheet.

The page needs no server and no network: one HTML file beside the job folders, which it refers to by relative
paths. So it opens from ``file://``, and from a copy of ``evolution/`` wherever that is put.
"""

from styled.gallery.gallery import write_gallery as write_gallery
from styled.gallery.sheet import draw_sheet as draw_sheet
