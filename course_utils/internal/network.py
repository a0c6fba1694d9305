"""Is the hub there? Its clients would try again for half a minute before they say no."""

from __future__ import annotations

from huggingface_hub import constants, get_session


def hub_answers(path: str) -> bool:
    """Ask the hub once for a file, such as ``organisation/model/resolve/main/config.json``."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        status = get_session().head(f"{constants.ENDPOINT}/{path}", timeout=5).status_code
    except Exception:  # no name, no route, no answer, a proxy that refuses
        return False
    return status < 500 and status != 429  # 429: too many requests


def load_dataset(name: str, **options):
    """A data set of the hub, ``name`` or ``name:config``, as the ``datasets`` library gives it.

    Where the hub does not answer, the copy of an earlier download is opened, or an error comes at
    once.
    """
    import datasets as hf

    name, _, config = name.partition(":")
    before = constants.HF_HUB_OFFLINE, hf.config.HF_HUB_OFFLINE
    if not hub_answers(f"datasets/{name}/resolve/main/README.md"):
        constants.HF_HUB_OFFLINE = hf.config.HF_HUB_OFFLINE = True
    try:
        return hf.load_dataset(name, config or None, **options)
    finally:
        constants.HF_HUB_OFFLINE, hf.config.HF_HUB_OFFLINE = before
