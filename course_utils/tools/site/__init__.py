"""The course as web pages that need no server and no network: ``make site``."""
