"""A BERT small enough to make in a test: random weights, a vocabulary of some forty words."""

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from course_utils.internal import hub, model_files

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


def tiny_tokenizer(**options):
    """The tokenizer; options: as for transformers' tokenizers (``model_max_length``, say)."""
    return BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}, **options)


def tiny_config(kind=BertConfig, max_length=32, **options):
    """A configuration of this size, of BERT or of a network with the same parts."""
    return kind(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=max_length, initializer_range=0.5, **options,
    )  # fmt: skip


def save_tiny_bert(folder, max_length=32, seed=0, plain=False):
    """Save a model to ``folder`` and return it: as this course does, or in transformers' way."""
    torch.manual_seed(seed)
    model = BertModel(tiny_config(max_length=max_length)).eval()
    tokenizer = tiny_tokenizer(model_max_length=max_length)
    if plain:
        with hub.quiet():
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return folder
    settings = {"pooling": "mean", "normalize": False, "max_length": max_length}
    return model_files.save_model(folder, model, tokenizer, settings)
