"""Texts that share a row are as if each had its own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_bert import SENTENCES, save_tiny_bert, tiny_config, tiny_tokenizer
from transformers import BertModel, RobertaConfig, RobertaModel

from course_utils import encoders
from course_utils.internal import speed

pytestmark = pytest.mark.usefixtures("one_thread")
token_ids = st.lists(st.integers(1, 40), min_size=1, max_size=120)


@given(st.lists(st.integers(1, 96), min_size=1, max_size=60))
def test_every_text_has_one_place_and_no_row_overflows(lengths):
    rows = speed.rows_of(lengths, 96)
    assert sorted(text for row in rows for text in row) == list(range(len(lengths)))
    filled = [sum(lengths[text] for text in row) for row in rows]
    assert max(filled) <= 96
    assert sum(filled[i] + filled[j] <= 96 for i in range(len(rows)) for j in range(i)) == 0


@given(st.lists(token_ids, min_size=1, max_size=12))
def test_unpacking_gives_back_what_was_packed(texts):
    batch, owner = speed.pack_rows(texts)
    states = torch.stack([batch["input_ids"], batch["position_ids"]], dim=2).float()
    padded, mask = speed.unpack(states, owner)
    assert padded.shape == (len(texts), max(map(len, texts)), 2) and mask.dtype == torch.int64
    for row, real, ids in zip(padded, mask, texts, strict=True):
        assert real.tolist() == [1] * len(ids) + [0] * (len(real) - len(ids))
        assert row[: len(ids), 0].tolist() == ids
        assert row[: len(ids), 1].tolist() == list(range(len(ids)))
    assert (batch["position_ids"] == 0).sum() == len(texts)


def test_each_position_sees_its_own_text_and_no_other():
    batch, owner = speed.pack_rows([[5, 6, 7], [8, 9], [1] * 95])
    assert owner.shape == (2, 95) and owner[1, :6].tolist() == [0, 0, 0, 1, 1, -1]
    sees = batch["attention_mask"] == 0
    assert sees.shape == (2, 1, 95, 95) and sees[0].all()
    assert sees[1, 0, 0].nonzero().flatten().tolist() == [0, 1, 2]
    assert sees[1, 0, 4].nonzero().flatten().tolist() == [3, 4]
    assert sees.any(dim=3).all()  # a position that sees nothing would become NaN


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_and_gradients_equal_those_of_transformers_padded(tmp_path, pooling):
    folder = save_tiny_bert(tmp_path / "tiny")
    ours = encoders.load(str(folder), pooling)
    model = BertModel.from_pretrained(folder).eval()
    tokens = tiny_tokenizer()(SENTENCES, padding=True, return_tensors="pt")
    states, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
    wanted = {
        "mean": (states * mask).sum(1) / mask.sum(1),
        "cls": states[:, 0],
        "max": states.masked_fill(mask == 0, -torch.inf).amax(1),
    }[pooling]
    vectors = ours.embed(SENTENCES)
    torch.testing.assert_close(vectors, wanted, atol=1e-5, rtol=1e-5)
    for each in (vectors, wanted):
        (each @ each.T).logsumexp(1).sum().backward()
    expected = {name: weight.grad for name, weight in model.named_parameters()}
    for name, weight in ours.model.named_parameters():
        if "pooler" not in name:
            torch.testing.assert_close(weight.grad, expected[name], atol=1e-3, rtol=1e-3)


def test_neighbours_in_a_row_change_nothing(tmp_path):
    tiny = encoders.load(str(save_tiny_bert(tmp_path / "tiny")))
    alone = torch.cat([tiny.embed([text]) for text in SENTENCES])
    torch.testing.assert_close(tiny.embed(SENTENCES), alone, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_a_network_that_counts_positions_otherwise_is_not_packed():
    """RoBERTa's positions begin after that of its padding."""
    torch.manual_seed(0)
    config, tokenizer = tiny_config(RobertaConfig, 40, pad_token_id=0), tiny_tokenizer()
    roberta = encoders.TransformerEncoder("tiny", RobertaModel(config), tokenizer, max_length=32)
    expected = torch.from_numpy(roberta.encode(SENTENCES))
    torch.testing.assert_close(roberta.embed(SENTENCES), expected, atol=1e-5, rtol=1e-5)


def test_dropout_is_drawn_from_the_seed(tmp_path):
    tiny = encoders.load(str(save_tiny_bert(tmp_path / "tiny")))
    tiny.model.train()
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(tiny.embed(SENTENCES))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
