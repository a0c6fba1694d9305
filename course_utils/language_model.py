"""A real language model: logits for the next word, and text written word by word.

A language model reads a text from left to right and gives, at every token, a logit for each token
that could come next. To write is to choose one of them, append it, and ask again. The default is
SmolLM2-135M-Instruct (Allal et al. 2025), which comes as a package; any causal language model of
the hub works. A token is a word or a piece of one; most begin with the space before the word.
Left out: chat templates, beam search, and batches of different prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from course_utils import sampling
from course_utils.internal import hub, model_copy, model_files
from course_utils.internal.checks import check_logits
from course_utils.internal.texts import check_texts

PIECE = 32  # tokens that are scored at once: 6 MB of logits for a vocabulary of 49,152


@lru_cache(maxsize=1)
def smollm2() -> LanguageModel:
    """SmolLM2-135M-Instruct, opened once and then kept."""
    return LanguageModel(*model_copy.open_smollm2())


def load(name: str | Path = "smollm2") -> LanguageModel:
    """The language model called ``name``: "smollm2", a folder, or a hub id.

    The first load of "smollm2" takes 20 s and leaves 270 MB in Hugging Face's cache folder; later
    ones take a second. Raises FileNotFoundError without the model, ValueError if it is damaged.
    """
    if name == "smollm2":
        return smollm2()
    try:
        folder = hub.find(name)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no language model {str(name)!r}: choose smollm2, a folder, or a hub id when online"
        ) from error
    return LanguageModel(*model_files.open_network(folder, AutoModelForCausalLM))


class LanguageModel:
    """A tokenizer and a causal network. Tokens are the vocabulary's entries as text."""

    def __init__(self, tokenizer, network):
        self.tokenizer, self.network = tokenizer, network
        self.context: int = network.config.max_position_embeddings  # the most tokens it can read
        ends = network.config.eos_token_id  # the token that means "the text ends here"
        self.ends = {ends} if isinstance(ends, int) else set(ends or ())

    @cached_property
    def tokens(self) -> list[str]:
        """The vocabulary as text, one entry for each logit, for instance ``" Paris"``."""
        vocab = self.network.config.vocab_size
        return self.tokenizer.batch_decode([[i] for i in range(vocab)])

    def encode(self, text: str, room: int = 0) -> list[int]:
        """Token ids of a text. ValueError if it is empty, or too long with ``room`` more tokens."""
        if text == "" or str(text).isspace():
            raise ValueError("the text is empty: give the model some words to go on from")
        [text] = check_texts([text])
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) + room > self.context:
            raise ValueError(
                f"the text has {len(ids)} tokens and {room} are to come, but the model reads only "
                f"{self.context}: shorten the text or write less"
            )
        return ids

    @torch.inference_mode()
    def logits(self, text: str) -> tuple[list[str], np.ndarray]:
        """Tokens of the text (t,) and logits (t, vocab): row i for the token after token i."""
        # text -> token ids (t,), then one row of logits for each token: (t, vocab)
        ids = self.encode(text)
        logits = self.network(torch.tensor([ids])).logits[0].numpy()
        return [self.tokens[i] for i in ids], check_logits(logits)

    @torch.inference_mode()
    def next_logits(self, text: str) -> tuple[list[str], np.ndarray]:
        """The vocabulary, and the logits (vocab,) of the token after the text, float64."""
        # only the last row is wanted: (1, t) -> (vocab,)
        ids = torch.tensor([self.encode(text, room=1)])
        logits = self.network(ids, logits_to_keep=1).logits[0, -1].numpy()
        return self.tokens, check_logits(logits)

    @torch.inference_mode()
    def log_probability(self, text: str, before: str = "") -> tuple[list[str], np.ndarray]:
        """Tokens (t,) of ``text`` and log P (t,) of each, given all tokens before it.

        Their sum is the log-probability of ``text`` after ``before``. Without ``before`` the first
        token has none before it, so it is left out: t is one smaller.
        """
        start = self.encode(before) if before else []
        ids = start + self.encode(text, room=len(start))
        first = len(start) or 1  # the first token that has something before it
        logs, kept = [], None
        # a piece of the text at a time, after keys and values of those before: this saves memory
        for at in range(0, len(ids) - 1, PIECE):
            piece, following = (part[at : at + PIECE] for part in (ids[:-1], ids[1:]))
            out = self.network(torch.tensor([piece]), past_key_values=kept, use_cache=True)
            kept = out.past_key_values
            # row i is what the model expected after token i: of (piece, vocab) one number a row
            rows = zip(out.logits[0].numpy(), following, strict=True)
            logs += [sampling.log_softmax(row)[token] for row, token in rows]
        return [self.tokens[i] for i in ids[first:]], np.array(logs[first - 1 :])

    @torch.inference_mode()
    def draw(
        self, prompt: str, n: int = 1, max_tokens: int = 40, rng=None, cache: bool = True, **how
    ) -> Iterator[np.ndarray]:
        """Draw the tokens after the prompt, a step at a time: ids (n,) for n texts side by side.

        how: temperature, top_k, top_p, min_p (``sampling.next_probabilities``). Ends when all texts
        have ended, or after ``max_tokens`` steps. cache: keep the keys and values of the tokens
        before; without it every step reads the whole text again.
        """
        if n < 1 or max_tokens < 1:
            raise ValueError(f"n and max_tokens must be at least 1; got {n} and {max_tokens}")
        rng = np.random.default_rng(rng)
        ids = torch.tensor([self.encode(prompt, max_tokens)] * n)  # (n, t)
        new, kept, ended = ids, None, np.zeros(n, dtype=bool)
        for _ in range(max_tokens):
            # read the new tokens, (n, 1) after the first step; logits of the next: (n, vocab)
            out = self.network(new, past_key_values=kept, use_cache=cache, logits_to_keep=1)
            # for each text temperature and cuts, then one token; a row at a time saves memory
            rows = (sampling.next_probabilities(row, **how) for row in out.logits[:, -1].numpy())
            drawn = np.array([sampling.sample(row, rng=rng)[0] for row in rows])
            yield drawn
            # what follows the end of a text is cut off later, in ``decode``
            ended |= np.isin(drawn, list(self.ends))
            if ended.all():
                return
            # append: (n, t) -> (n, t + 1)
            new = torch.from_numpy(drawn)[:, None]
            ids = torch.cat([ids, new], dim=1)
            kept = out.past_key_values  # None without the cache
            if not cache:
                new = ids

    def write(self, prompt: str, **how) -> str:
        """What the model writes after the prompt, as text. how: as in ``draw``."""
        return self.write_many(prompt, n=1, **how)[0]

    def write_many(self, prompt: str, n: int, **how) -> list[str]:
        """n texts after the same prompt, in little more time than one. how: as in ``draw``."""
        # one step gives a token for each text: a list of (n,)
        steps = list(self.draw(prompt, n, **how))
        return [self.decode(ids) for ids in zip(*steps, strict=True)]

    def decode(self, ids) -> str:
        """Text of token ids, up to the first that means "the text ends here"."""
        # keep what comes before the end mark, then pieces of words -> text
        before = takewhile(lambda i: i not in self.ends, map(int, ids))
        return self.tokenizer.decode(list(before))
