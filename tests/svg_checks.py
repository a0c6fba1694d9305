"""What the tests of pictures ask of an SVG: that it is the drawing it should be, and harmless.

Two drawings are compared in a normal form: the same elements with the same attributes, and numbers
within a hundredth of a point, because the last digit of a computed coordinate may differ from one
kind of processor to the next.
"""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def elements(svg):
    """The normal form: for each element its tag, text and attributes, and all their numbers."""
    for element in ElementTree.fromstring(svg).iter():
        text = f"{element.tag} {element.text or ''} {sorted(element.attrib.items())}"
        # A hash names a clipping path or a marker by its content, coordinates included.
        text = re.sub(r"#?\b[mp][0-9a-f]{10}\b", "HASH", text)
        yield NUMBER.sub("N", text), [float(number) for number in NUMBER.findall(text)]


def differences(one, two):
    """What differs between two SVG texts: a list of (place, one's, two's), empty if nothing."""
    a, b = list(elements(one)), list(elements(two))
    found = [("number of elements", len(a), len(b))] if len(a) != len(b) else []
    for i, ((form_a, numbers_a), (form_b, numbers_b)) in enumerate(zip(a, b, strict=False)):
        if form_a != form_b or not np.allclose(numbers_a, numbers_b, rtol=1e-4, atol=0.011):
            found.append((f"element {i}", form_a[:200], form_b[:200]))
    return found


def faults(svg):
    """What makes an SVG unfit: script, something from outside, no alternative text."""
    root = ElementTree.fromstring(svg)
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    found = [f"<{tag}>" for tag in tags if tag in ("script", "image", "foreignObject", "style")]
    for element in root.iter():
        for name, value in element.attrib.items():
            name = name.rpartition("}")[2]
            if name.startswith("on") or (name == "href" and not value.startswith("#")):
                found.append(f"{name}={value}")
            if re.search(r"url\((?!#)|\w+://|javascript:", value):
                found.append(f"{name}={value}")
    title = root.find("{http://www.w3.org/2000/svg}title")
    label = root.get("aria-label", "")
    if root.get("role") != "img" or len(label.split()) < 5:
        found.append("no alternative text")
    if title is None or title.text != label:
        found.append("the title is not the alternative text")
    if "<!DOCTYPE" in svg or "<metadata" in svg or "http://purl" in svg:
        found.append("a document type or metadata")
    return found
