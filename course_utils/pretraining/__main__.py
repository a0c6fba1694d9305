"""Pre-train course-bert: ``python -m course_utils.pretraining``."""

from __future__ import annotations

import argparse

from course_utils.pretraining import train


def main(argv: list[str] | None = None) -> None:
    """The command line; ``argv`` as in ``sys.argv[1:]``."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.pretraining", description=__doc__.split("\n\n")[0]
    )
    _run_options(parser.add_argument)
    _batch_options(parser.add_argument)
    _model_options(parser.add_argument)
    train.train(parser.parse_args(argv))


def _run_options(add) -> None:
    add("--text", nargs="+", required=True, help="text files (.txt, .xz) or hub data sets")
    add("--out", required=True, help="folder of the run; an unfinished run there is resumed")
    add("--tokens", type=float, default=70e6, help="budget in tokens (default: 70e6)")
    add("--seconds", type=float, default=0, help="budget in seconds, whichever ends first")
    add("--stop-after", type=int, default=0, help="stop (and checkpoint) after this many steps")
    add(
        "--workers", type=int, default=0, help="micro-batches computed at once (default: CPU cores)"
    )
    add("--eval-mask-rate", type=float, default=0.2)
    add("--eval-every", type=int, default=500, help="steps between two held-out evaluations")
    add("--eval-rows", type=int, default=512, help="held-out sequences in an evaluation")
    add("--save-every", type=float, default=60, help="seconds between two checkpoints")
    add("--device", default="", help="cpu or cuda (default: cuda where there is one)")
    add("--compile", action="store_true", help="torch.compile the step (needs a C++ compiler)")
    add("--seed", type=int, default=0)


def _batch_options(add) -> None:
    add("--seq-len", type=int, default=64, help="tokens in a training sequence (default: 64)")
    add("--batch", type=int, default=64, help="sequences in a step (default: 64)")
    add("--micro-batch", type=int, default=0, help="sequences in a micro-batch (default: all)")
    add("--long-share", type=float, default=0.2, help="last share, trained at full --positions")
    add("--short-share", type=float, default=0.5, help="share of micro-batches of single sentences")
    add("--short-len", type=int, default=32, help="most tokens in a single sentence")
    add("--lr", type=float, default=1e-3, help="peak learning rate (default: 1e-3)")
    add("--optimizer", choices=["adamw", "muon"], default="adamw")
    add("--weight-decay", type=float, default=0.05)
    add("--mask-rate", type=float, default=0.2, help="share of tokens to predict")
    add("--warmup", type=float, default=0.03, help="share of the budget to warm up in")
    add("--decay", type=float, default=0.97, help="share of the budget to decay to zero in")


def _model_options(add) -> None:
    add("--vocab-size", type=int, default=8192)
    add("--layers", type=int, default=4)
    add("--hidden", type=int, default=256)
    add("--heads", type=int, default=4)
    add("--positions", type=int, default=128)
    add("--init-std", type=float, default=0.02, help="standard deviation of random weights")
    add(
        "--random-positions",
        action="store_true",
        help="start positions from random numbers, not sinusoids",
    )
    add("--init-from", default="", help="start from the weights of this folder")


if __name__ == "__main__":
    main()
