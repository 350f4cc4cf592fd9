"""Tandem: one support agent behind one phone number, on text and on the phone."""

__version__ = "0.1.0"
