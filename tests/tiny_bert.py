"""A BERT small enough to make in a test: random weights, a vocabulary of some forty words."""

import torch
from tokenizers import BertWordPieceTokenizer

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] . , ! ? ' a the i you he she it is was to of in on and not how "
    "do can my cat dog sat ran sleeps mat park rain sun red blue river bank cook bread eat good "
    "bad ##s ##ing ##ed"
).split()
SENTENCES = [
    "The cat sat on the mat.", "A dog ran in the park!", "How do I cook bread?", "Sun.",
    "It was not raining, and the river sleeps.", "Can you eat my bread?", "Red cats, blue dogs",
    "She was in the bank and he ran to the river bank", "the rain is bad", "good dog",
]  # fmt: skip


def save_tiny_bert(folder, max_length=32, seed=0):
    """Save the model and its tokenizer to ``folder`` in Hugging Face layout; returns the folder."""
    from transformers import BertConfig, BertModel, BertTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    words = BertWordPieceTokenizer(str(folder / "vocab.txt"))
    tokenizer = BertTokenizerFast(tokenizer_object=words._tokenizer, model_max_length=max_length)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=max_length, initializer_range=0.5,
    )  # fmt: skip
    BertModel(config).eval().save_pretrained(folder)
    return folder
