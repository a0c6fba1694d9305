"""Slides of a notebook as one HTML file, and the check that every slide fits."""
