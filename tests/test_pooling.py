"""Pooling against sentence-transformers' own Pooling module."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.pooling import POOLINGS, cls_pool, max_pool, mean_pool


def padded_batch(lengths, width, dim, seed):
    """Random token embeddings ``(b, width, dim)`` and their mask, padding on the right."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), width, dim, generator=generator)
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    return x, mask


def test_by_hand():
    x = torch.tensor([[[1.0, -5.0], [3.0, -7.0], [99.0, 99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert mean_pool(x, mask).tolist() == [[2.0, -6.0]]
    assert cls_pool(x, mask).tolist() == [[1.0, -5.0]]
    assert max_pool(x, mask).tolist() == [[3.0, -5.0]]  # the padding's 99 is not seen, nor a 0


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    extra=st.integers(0, 4),
    dim=st.integers(1, 17),
    seed=st.integers(0, 2**32),
)
@pytest.mark.parametrize("name", POOLINGS)
def test_equal_to_sentence_transformers(name, lengths, extra, dim, seed):
    from sentence_transformers.sentence_transformer.modules import Pooling

    x, mask = padded_batch(lengths, max(lengths) + extra, dim, seed)
    features = {"token_embeddings": x, "attention_mask": mask}
    theirs = Pooling(dim, pooling_mode=name)(features)["sentence_embedding"]
    ours = POOLINGS[name](x, mask)
    assert ours.shape == (len(lengths), dim) and ours.dtype == torch.float32
    assert (ours - theirs).abs().max() <= 1e-6


@pytest.mark.parametrize("name", POOLINGS)
def test_padding_never_changes_a_vector(name):
    """Neither its content, nor its amount: the same sentences next to a longer one."""
    x, mask = padded_batch([3, 5, 1], 5, 8, seed=1)
    pooled = POOLINGS[name](x, mask)
    for filler in (0.0, 1e30, -1e30, float("nan"), float("inf"), float("-inf")):
        other = torch.where(mask[:, :, None] == 1, x, torch.tensor(filler))
        assert torch.equal(POOLINGS[name](other, mask), pooled)
    wide = torch.cat([x, torch.full((3, 4, 8), 7.0)], dim=1)
    wide_mask = torch.cat([mask, torch.zeros(3, 4, dtype=torch.long)], dim=1)
    assert torch.allclose(POOLINGS[name](wide, wide_mask), pooled, atol=1e-6)


def test_averaging_the_padding_would_change_the_vector():
    """What the mask is for: the plain mean of the same tensor is another vector."""
    x, mask = padded_batch([2, 6], 6, 8, seed=2)
    assert (x.mean(dim=1)[0] - mean_pool(x, mask)[0]).abs().max() > 0.1
    assert torch.allclose(x.mean(dim=1)[1], mean_pool(x, mask)[1], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float32])
@pytest.mark.parametrize("name", POOLINGS)
def test_masks_of_any_dtype(name, dtype):
    x, mask = padded_batch([2, 4], 4, 3, seed=3)
    assert torch.equal(POOLINGS[name](x, mask.to(dtype)), POOLINGS[name](x, mask))


@pytest.mark.parametrize("name", POOLINGS)
def test_gradient_reaches_real_tokens_only(name):
    x, mask = padded_batch([2, 4], 4, 3, seed=4)
    x.requires_grad_()
    POOLINGS[name](x, mask).sum().backward()
    assert (x.grad[0, :2].abs().sum() > 0) and (x.grad[0, 2:] == 0).all()


@pytest.mark.parametrize("name", POOLINGS)
class TestErrors:
    def test_shapes_that_do_not_fit(self, name):
        x, mask = padded_batch([2, 4], 4, 3, seed=5)
        with pytest.raises(ValueError, match=r"\(batch, tokens, dim\).*\(2, 4, 3\).*\(2, 3\)"):
            POOLINGS[name](x, mask[:, :3])
        with pytest.raises(ValueError, match=r"must be \(batch, tokens, dim\)"):
            POOLINGS[name](x[0], mask)

    def test_sentence_without_a_token(self, name):
        x, mask = padded_batch([2, 4], 4, 3, seed=6)
        mask[0] = 0
        with pytest.raises(ValueError, match="a row of attention_mask is all 0"):
            POOLINGS[name](x, mask)


@pytest.mark.parametrize("value", [2, -1, 0.5, float("nan"), float("-inf")])
@pytest.mark.parametrize("name", POOLINGS)
def test_a_mask_of_other_numbers_is_refused(name, value):
    x, mask = padded_batch([2, 4], 4, 3, seed=8)
    mask = mask.float()
    mask[1, 3] = value
    with pytest.raises(ValueError, match="must hold 1 for real tokens and 0 for padding only"):
        POOLINGS[name](x, mask)


@pytest.mark.parametrize("name", POOLINGS)
def test_nan_in_the_padding_does_not_reach_the_gradient(name):
    x, mask = padded_batch([2, 4], 4, 3, seed=9)
    x[0, 3] = float("nan")
    x.requires_grad_()
    POOLINGS[name](x, mask).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_cls_refuses_padding_on_the_left():
    x, mask = padded_batch([2, 4], 4, 3, seed=7)
    with pytest.raises(ValueError, match="starts with padding: pad on the right"):
        cls_pool(x, mask.flip(1))
