"""A cheap sign that an encoder was trained since; without torch, as the index needs none."""

from __future__ import annotations


def sample_of_weights(encoder) -> bytes:
    """A few numbers of every weight and the settings, in a millisecond: training changes them.

    A ``fingerprint`` says for sure; this is cheap enough for every search. Empty for an encoder
    without a network.
    """
    network = getattr(encoder, "library", None) or getattr(encoder, "model", None)
    if network is None:
        return b""
    # some sixteen numbers of each tensor, evenly spread: (numbers,); the pooler is not used
    named = network.named_parameters()
    weights = [weight.detach().reshape(-1) for name, weight in named if "pooler." not in name]
    some = [weight[:: max(1, len(weight) // 16)].float().cpu().numpy() for weight in weights]
    settings = [getattr(encoder, name, None) for name in ("pooling", "normalize", "max_length")]
    return b"".join(part.tobytes() for part in some) + repr(settings).encode()
