"""The objectives against sentence-transformers' losses, on the same weights and the same texts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import encoders, objectives

A, B, C = SENTENCES[:6], SENTENCES[3:9], SENTENCES[4:10]
LABELS = torch.tensor([0, 1, 2, 2, 0, 1])
SCORES = torch.tensor([0.0, 0.2, 0.5, 0.8, 1.0, 0.3])

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "bert")


@pytest.fixture(scope="module")
def ours(folder):
    return encoders.load(str(folder))


@pytest.fixture(scope="module")
def theirs(folder):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").eval()


def features(model, *groups):
    return [model.preprocess(group) for group in groups]


def gradients(model, loss):
    """The gradient of ``loss`` for each weight of the transformer, by name."""
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_same_loss_and_gradients(ours, our_loss, theirs, their_loss):
    assert our_loss.shape == ()
    assert abs(our_loss.item() - their_loss.item()) <= 1e-5
    found, expected = gradients(ours.model, our_loss), gradients(theirs[0].model, their_loss)
    assert found.keys() == expected.keys() and len(found) > 20
    assert max(g.abs().max() for g in expected.values()) > 1e-3  # a gradient that tells something
    for name, gradient in found.items():
        assert (gradient - expected[name]).abs().max() <= 1e-5, name


def test_nli_loss_equals_softmax_loss(ours, theirs):
    from sentence_transformers.sentence_transformer.losses import SoftmaxLoss

    torch.manual_seed(0)
    head = objectives.nli_head(16)
    library = SoftmaxLoss(theirs, 16, num_labels=3)
    library.classifier.weight.data.copy_(head.weight.data)
    library.classifier.bias.data.zero_()  # the paper's classifier has none
    assert_same_loss_and_gradients(
        ours, objectives.nli_loss(*ours.embed(A, B), LABELS, head),
        theirs, library(features(theirs, A, B), LABELS),
    )  # fmt: skip
    assert (head.weight.grad - library.classifier.weight.grad).abs().max() <= 1e-5


@pytest.mark.parametrize(
    "parts, options",
    [
        (("u", "v"), {"difference": False}),
        (("|u-v|",), {"rep": False}),
        (("u", "v", "|u-v|", "u*v"), {"multiplication": True}),
    ],
)
def test_the_parts_of_nli_loss_equal_softmax_loss(ours, theirs, parts, options):
    from sentence_transformers.sentence_transformer.losses import SoftmaxLoss

    head = objectives.nli_head(16, parts=parts)
    options = {f"concatenation_sent_{name}": value for name, value in options.items()}
    library = SoftmaxLoss(theirs, 16, num_labels=3, **options)
    library.classifier.weight.data.copy_(head.weight.data)
    library.classifier.bias.data.zero_()
    with torch.no_grad():
        our_loss = objectives.nli_loss(*ours.embed(A, B), LABELS, head, parts)
        their_loss = library(features(theirs, A, B), LABELS)
    assert abs(our_loss - their_loss) <= 1e-5


def test_sts_loss_equals_cosine_similarity_loss(ours, theirs):
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss

    assert_same_loss_and_gradients(
        ours, objectives.sts_loss(*ours.embed(A, B), SCORES),
        theirs, CosineSimilarityLoss(theirs)(features(theirs, A, B), SCORES),
    )  # fmt: skip


@pytest.mark.parametrize("margin", [0.5, 1.0, 5.0])
def test_triplet_loss_equals_the_library(ours, theirs, margin):
    from sentence_transformers.sentence_transformer.losses import TripletLoss

    library = TripletLoss(theirs, triplet_margin=margin)  # Euclidean by default
    assert_same_loss_and_gradients(
        ours, objectives.triplet_loss(*ours.embed(A, B, C), margin),
        theirs, library(features(theirs, A, B, C), None),
    )  # fmt: skip


@pytest.mark.parametrize("groups", [(A, B), (A, B, C)], ids=["pairs", "with hard negatives"])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_in_batch_loss_equals_multiple_negatives_ranking_loss(ours, theirs, scale, groups):
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    library = MultipleNegativesRankingLoss(theirs, scale=scale)
    found = objectives.in_batch_loss(*ours.embed(*groups), scale=scale)
    expected = library(features(theirs, *groups), None)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    found, expected = gradients(ours.model, found), gradients(theirs[0].model, expected)
    for name, gradient in found.items():
        assert torch.allclose(gradient, expected[name], rtol=1e-4, atol=1e-5 * scale), name


@settings(max_examples=40)
@given(st.integers(1, 8), st.integers(1, 20), st.integers(0, 2**32))
def test_equal_to_the_library_on_random_vectors(b, dim, seed):
    """The libraries' own arithmetic, no model needed."""
    from sentence_transformers.sentence_transformer import losses

    random = torch.Generator().manual_seed(seed)
    a, p, n = torch.randn(3, b, dim, generator=random)
    scores = torch.rand(b, generator=random)
    nobody = torch.nn.Module()
    triplet = losses.TripletLoss(nobody, triplet_margin=1)
    in_batch = losses.MultipleNegativesRankingLoss(nobody)
    pairs = [
        (
            objectives.sts_loss(a, p, scores),
            losses.CosineSimilarityLoss(nobody).compute_loss_from_embeddings([a, p], scores),
        ),
        (
            objectives.triplet_loss(a, p, n),
            triplet.compute_loss_from_embeddings([a, p, n], None),
        ),
        (
            objectives.in_batch_loss(a, p),
            in_batch.compute_loss_from_embeddings([a, p], None),
        ),
        (
            objectives.in_batch_loss(a, p, n),
            in_batch.compute_loss_from_embeddings([a, p, n], None),
        ),
    ]
    for ours, theirs in pairs:
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-5, abs=1e-5)


def test_the_gradient_of_a_siamese_network_is_the_sum_of_both_branches(ours):
    """Each branch alone, the other one held still; then both at once."""
    head = objectives.nli_head(16)
    u, v = ours.embed(A), ours.embed(B)
    both = gradients(ours.model, objectives.nli_loss(*ours.embed(A, B), LABELS, head))
    left = gradients(ours.model, objectives.nli_loss(u, v.detach(), LABELS, head))
    right = gradients(ours.model, objectives.nli_loss(u.detach(), v, LABELS, head))
    for name, gradient in both.items():
        assert torch.allclose(gradient, left[name] + right[name], atol=1e-5), name
    assert any((left[name] - right[name]).abs().max() > 1e-3 for name in both)


def test_by_hand():
    a, p, n = (torch.tensor([x]) for x in ([0.0, 0.0], [3.0, 4.0], [0.0, 5.5]))
    assert objectives.triplet_loss(a, p, n).item() == 0.5  # 5 - 5.5 + 1
    assert objectives.triplet_loss(a, p, n, margin=0.25).item() == 0  # far enough
    u, v = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert objectives.sts_loss(u, v, torch.tensor([0.1])).item() == pytest.approx(0.25)
    assert objectives.nli_features(u, v).tolist() == [[1, 0, 3, 4, 2, 4]]
    assert objectives.nli_features(u, v, ("u*v", "u")).tolist() == [[3, 0, 1, 0]]


def test_in_batch_loss_is_small_only_when_each_finds_its_own():
    eye = torch.eye(4)
    assert objectives.in_batch_loss(eye, eye).item() < 1e-6
    assert objectives.in_batch_loss(eye, eye.roll(1, dims=0)).item() > 19
    assert objectives.in_batch_loss(eye, eye, eye).item() == pytest.approx(math.log(2), abs=1e-6)
    same = torch.ones(4, 3)
    assert objectives.in_batch_loss(same, same).item() == pytest.approx(math.log(4))


def test_the_gradient_of_equal_vectors_is_no_nan():
    """A distance has no slope at 0; training must survive a pair of equal sentences."""
    u = torch.ones(2, 3, requires_grad=True)
    objectives.triplet_loss(u, u.clone(), u.clone()).backward()
    assert torch.isfinite(u.grad).all()


def test_the_head_has_no_bias_and_the_shape_of_its_parts():
    head = objectives.nli_head(16)
    assert head.bias is None and head.weight.shape == (3, 48)
    assert objectives.nli_head(16, n_labels=2, parts=("u", "v")).weight.shape == (2, 32)


class TestErrors:
    u, v = torch.ones(2, 3), torch.ones(4, 3)

    def test_two_shapes(self):
        labels, scores = torch.tensor([0, 1]), torch.tensor([0.5, 0.5])
        message = r"must both be \(batch, dim\); got \(2, 3\) and \(4, 3\)"
        for call in (
            lambda: objectives.nli_loss(self.u, self.v, labels, objectives.nli_head(3)),
            lambda: objectives.sts_loss(self.u, self.v, scores),
            lambda: objectives.triplet_loss(self.u, self.v, self.u),
            lambda: objectives.triplet_loss(self.u, self.u, self.v),
            lambda: objectives.in_batch_loss(self.u, self.v),
            lambda: objectives.in_batch_loss(self.u, self.u, self.v),
        ):
            with pytest.raises(ValueError, match=message):
                call()

    def test_one_vector_instead_of_a_batch(self):
        with pytest.raises(ValueError, match=r"must both be \(batch, dim\)"):
            objectives.in_batch_loss(self.u[0], self.u[0])

    def test_unknown_part(self):
        with pytest.raises(ValueError, match=r"unknown parts \['u-v'\]; choose among"):
            objectives.nli_features(self.u, self.u, ("u", "u-v"))

    @pytest.mark.parametrize("score", [5.0, -1.5, float("nan")])
    def test_scores_on_another_scale(self, score):
        with pytest.raises(ValueError, match="divide a 0-5 scale by 5 first"):
            objectives.sts_loss(self.u, self.u, torch.tensor([0.5, score]))

    @pytest.mark.parametrize("shape", [(2, 1), (1,), ()])
    def test_scores_of_another_shape(self, shape):
        """Broadcasting would compare every pair with every score, and say nothing."""
        with pytest.raises(ValueError, match=r"one score for each pair, \(2,\); got"):
            objectives.sts_loss(self.u, self.u, torch.full(shape, 0.5))

    @pytest.mark.parametrize("margin", [-1, float("nan")])
    def test_negative_margin(self, margin):
        with pytest.raises(ValueError, match=f"margin must be 0 or more; got {margin}"):
            objectives.triplet_loss(self.u, self.u, self.u, margin=margin)

    @pytest.mark.parametrize("scale", [0, -20, float("nan")])
    def test_scale(self, scale):
        with pytest.raises(ValueError, match=f"scale must be more than 0; got {scale}"):
            objectives.in_batch_loss(self.u, self.u, scale=scale)

    def test_a_number_where_the_negatives_belong(self):
        with pytest.raises(ValueError, match="must be tensors .*; got 20.0"):
            objectives.in_batch_loss(self.u, self.u, 20.0)


def test_in_batch_loss_needs_no_more_memory_than_its_matrix():
    """A row of the batch with every other row, (b, b, d), would be 400 MB here."""
    a, p = torch.randn(2, 512, 384)
    a.requires_grad_()
    sizes = []

    def note(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        objectives.in_batch_loss(a, p, p).backward()
    assert max(sizes) <= 2 * 512 * 512
