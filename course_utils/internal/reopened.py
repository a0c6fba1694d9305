"""An encoder whose network can rest and gives its memory back."""

from __future__ import annotations

from functools import cached_property


class Reopened:
    """An encoder whose network can rest: ``close`` lets it go, and the next use opens it again."""

    def close(self) -> None:
        """Give the network's memory back. The next use opens it again, by its name.

        Raises ValueError, then and now, unless that is the same encoder: after training it is not.
        """
        self._closed = self.fingerprint
        self._same_again()
        del self.model

    @cached_property
    def model(self):
        """The network: the one that was given, or after ``close`` the same again."""
        return self._same_again().model

    def _same_again(self):
        again = self.opened_again()
        if again.fingerprint != self._closed:
            raise ValueError(
                f"the encoder {self.name!r} is no longer the one that was opened: after training "
                "save it; if its files were replaced, load it again"
            )
        return again
