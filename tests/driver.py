"""Drives a widget as a reader does: finds its controls by their description."""

import ipywidgets as w

EVIL = "<img src=x onerror=alert(1)>"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"


def inside(widget):
    """The widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


class Explorer:
    """A widget's controls by their description, and what it shows."""

    def __init__(self, box):
        self.box = box
        self.controls = {c.description: c for c in inside(box) if getattr(c, "description", "")}
        self.pictures = [c for c in inside(box) if isinstance(c, w.HTML)]

    def __getitem__(self, description):
        return self.controls[description]

    @property
    def html(self):
        return self.pictures[0].value
