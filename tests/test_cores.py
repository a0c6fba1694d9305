"""Batches side by side give what batches one after another give, forth and back."""

import threading

import pytest
import torch
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import cores, encoders

TEXTS = SENTENCES * 5


@pytest.fixture
def tiny(tmp_path):
    return encoders.load(str(save_tiny_bert(tmp_path / "tiny")))


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def workers(tiny):
    """The threads in which the network computed."""
    seen = set()
    hook = tiny.model.register_forward_pre_hook(lambda *_: seen.add(threading.get_ident()))
    yield seen
    hook.remove()


def loss_and_gradients(encoder, embed):
    """A loss in which every vector meets every other, and the gradient of each weight."""
    encoder.model.zero_grad()
    u, v = embed(TEXTS[:20], TEXTS[20:40])
    loss = (u @ v.T).logsumexp(dim=1).sum()
    loss.backward()
    weights = encoder.model.named_parameters()
    return loss.item(), {name: weight.grad for name, weight in weights if weight.grad is not None}


def one_batch(encoder):
    return lambda *groups: [encoder.pool(encoder.tokenize(group)) for group in groups]


def test_loss_and_gradients_equal_those_of_one_batch(tiny, workers):
    expected, wanted = loss_and_gradients(tiny, one_batch(tiny))
    workers.clear()
    loss, gradients = loss_and_gradients(tiny, tiny.embed)
    assert workers and threading.get_ident() not in workers
    assert loss == pytest.approx(expected, rel=1e-5)
    assert gradients.keys() == wanted.keys() and len(gradients) > 30
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name], atol=1e-4, rtol=1e-4)


def test_the_same_to_the_last_bit_every_time(tiny):
    first, gradients = loss_and_gradients(tiny, tiny.embed)
    for _ in range(5):
        loss, again = loss_and_gradients(tiny, tiny.embed)
        assert loss == first
        assert all(torch.equal(again[name], gradients[name]) for name in gradients)


def test_frozen_weights_get_no_gradient(tiny, workers):
    for weight in tiny.model.embeddings.parameters():
        weight.requires_grad = False
    _, wanted = loss_and_gradients(tiny, one_batch(tiny))
    workers.clear()
    _, gradients = loss_and_gradients(tiny, tiny.embed)
    assert threading.get_ident() not in workers and gradients.keys() == wanted.keys()
    assert not any(name.startswith("embeddings") for name in gradients)


def test_nothing_to_train_and_no_gradient_asked(tiny):
    expected = tiny.encode(TEXTS)
    with torch.no_grad():
        vectors = tiny.embed(TEXTS)
    assert not vectors.requires_grad
    torch.testing.assert_close(vectors, torch.from_numpy(expected), atol=1e-5, rtol=1e-5)
    tiny.model.requires_grad_(False)
    assert not tiny.embed(TEXTS).requires_grad


def test_dropout_draws_in_one_thread_and_so_seeds_reproduce(tiny, workers):
    tiny.model.train()
    assert tiny.model.config.hidden_dropout_prob > 0
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(tiny.embed(TEXTS))
    assert workers == {threading.get_ident()}
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


def test_autocast_still_holds(tiny, workers):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tiny.embed(TEXTS)
    assert workers == {threading.get_ident()}


def test_a_second_way_back_is_refused_as_elsewhere(tiny):
    loss = tiny.embed(TEXTS).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_two_batches_are_under_way_at_the_same_time(tiny):
    """Forth and back; a barrier that only one thread comes to breaks after its time."""
    both = threading.Barrier(2, timeout=20)
    weight = tiny.model.embeddings.word_embeddings.weight

    class Meeting(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            both.wait()
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            both.wait()
            return gradient

    vectors = cores.with_gradient(tiny.model, lambda rows: Meeting.apply(weight[rows]), [[1], [2]])
    vectors.sum().backward()
    assert weight.grad.sum().item() == 2 * weight.shape[1]


def test_an_error_of_a_worker_arrives_and_the_threads_are_as_before(tiny):
    def broken(batch):
        raise KeyError("this one")

    with pytest.raises(KeyError, match="this one"):
        cores.with_gradient(tiny.model, broken, [1, 2])
    assert torch.get_num_threads() == 2


def test_a_worker_computes_on_one_core_and_results_stay_in_order():
    with cores.workers(2) as compute:
        found = list(compute(lambda i: (i, torch.get_num_threads()), range(50)))
    assert found == [(i, 1) for i in range(50)] and torch.get_num_threads() == 2
    with cores.workers(1) as compute:
        assert compute is map


@pytest.mark.parametrize("threads, batches, count", [(1, 8, 1), (2, 8, 2), (2, 1, 1), (4, 3, 3)])
def test_no_more_cores_than_batches(tiny, threads, batches, count):
    torch.set_num_threads(threads)
    assert cores.useful(tiny.model, batches) == count
