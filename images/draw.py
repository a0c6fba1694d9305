"""Draws all pictures of the course: `python images/draw.py` writes images/NAME.svg for each.

Notebook 1
  rnn                     reading from left to right
  training-step           answer, loss, gradient, step
  bidirectional-rnn       two directions, learned apart
  transformer-encoder     all words at once
  encoder-block           attention, then each word alone, again and again
  bert-two-phases         pre-training and fine-tuning
  masked-word             guessing a word from both sides
  one-body-several-heads  one pre-trained network, several tasks
  pair-by-pair            100 million passes for one question
  four-steps              encode all once, the new one once, compare, return the nearest
Notebook 2
  mean-pooling            word pieces, mask, one vector
  sentence-transformer    the whole thing as a box
  embedding-space         the bank as points, and the nearest of a new question
Notebook 3
  four-questions          what each of the four objectives asks of two vectors
  nli-labels              entailment, neutral, contradiction
  siamese-network         one encoder, two calls
  nli-features            (u, v, |u − v|), soft-max, cross-entropy
  cross-entropy           the loss as a curve
  sts                     cosine against the grade, squared error
  triplet-network         anchor, positive, negative, two distances
  triplet-space           before and after, with the margin
  clusters                the goal: related together, unrelated apart
Notebook 4
  one-tower               training has two calls and a head, inference one call
  encoder-decoder         masked and causal: who sees which words
  temperature             the logits 1 and 3 at three temperatures
  log-scale               where a product of probabilities becomes 0
  top-k-top-p             two ways to cut the tail

Numbers in a picture are computed while it is drawn. `python images/draw.py FOLDER` writes to
another place.
"""

import sys
from pathlib import Path

import lessons_1_2
import lessons_3_4

from course_utils.internal.svg import svg


def main(folder: Path) -> None:
    """Write each picture; its text alternative is the docstring of its function."""
    for picture in lessons_1_2.PICTURES + lessons_3_4.PICTURES:
        alternative = " ".join(picture.__doc__.split())
        name = picture.__name__.replace("_", "-")
        drawn = svg(picture().figure, alternative)
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
