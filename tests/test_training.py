"""The training loop on toy problems whose right answer is known."""

import pytest
import torch

from course_utils.training import train


def line(seed=0):
    """Data of y = 3x - 1, and a linear model that does not know it yet."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 50)[:, None]
    model = torch.nn.Linear(1, 1)

    def loss_of(xs, ys):
        return ((model(torch.stack(xs)) - torch.stack(ys)) ** 2).mean()

    return model, loss_of, (list(x), list(3 * x - 1))


def run(seed=0, **options):
    model, loss_of, columns = line()
    options = {"epochs": 20, "batch_size": 10, "lr": 0.2, "show_progress": False, **options}
    return model, train(loss_of, columns, model.parameters(), seed=seed, **options)


def test_the_loss_falls_and_the_answer_is_found():
    model, history = run()
    assert history[0] > 1 and max(history[-5:]) < 0.01
    assert model.weight.item() == pytest.approx(3, abs=0.1)
    assert model.bias.item() == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize(
    "epochs, batch_size, steps", [(1, 50, 1), (2, 20, 6), (3, 7, 24), (1, 99, 1)]
)
def test_the_history_has_one_loss_for_each_step(epochs, batch_size, steps):
    _, history = run(epochs=epochs, batch_size=batch_size)
    assert len(history) == steps and all(type(loss) is float for loss in history)


def test_seeds_reproduce():
    (model, history), (again, same), (_, other) = run(seed=1), run(seed=1), run(seed=2)
    assert history == same and torch.equal(model.weight, again.weight)
    assert history != other


def test_every_epoch_sees_every_row_once_in_another_order():
    seen = []
    weight = torch.zeros(1, requires_grad=True)

    def loss_of(numbers, names):
        assert [str(number) for number in numbers] == names  # rows stay together
        seen.extend(numbers)
        return weight.sum()

    columns = (range(10), [str(i) for i in range(10)])
    train(loss_of, columns, [weight], epochs=2, batch_size=4, show_progress=False)
    first, second = seen[:10], seen[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(range(10)) != first != second


def learning_rates(steps, warmup, lr=1e-3):
    """The rate of each step, read off a weight with gradient 1: AdamW then moves it by the rate."""
    weight = torch.zeros(1, requires_grad=True)
    places = []

    def loss_of(rows):
        places.append(weight.item())
        return weight.sum()

    options = {"epochs": steps, "batch_size": 1, "lr": lr, "warmup": warmup}
    train(loss_of, ([0],), [weight], show_progress=False, **options)
    places.append(weight.item())
    return [(before - after) / lr for before, after in zip(places, places[1:], strict=False)]


def test_the_learning_rate_rises_then_falls_to_zero():
    rates = learning_rates(steps=20, warmup=0.25)
    expected = [min((i + 1) / 5, (20 - i) / 20) for i in range(20)]
    assert rates == pytest.approx(expected, abs=2e-3)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) <= 1.001 and rates[0] < 0.25 and rates[-1] < 0.06


def test_without_warm_up_it_only_falls():
    rates = learning_rates(steps=10, warmup=0)
    assert rates == pytest.approx([1 - i / 10 for i in range(10)], abs=2e-3)


def test_groups_have_their_own_learning_rate():
    """As in notebook 3: a new head learns faster than the encoder under it."""
    slow, fast = (torch.zeros(1, requires_grad=True) for _ in range(2))
    groups = [{"params": [slow], "lr": 1e-4}, {"params": [fast]}]
    options = {"epochs": 4, "lr": 1e-2, "show_progress": False}
    train(lambda rows: (slow + fast).sum(), ([0],), groups, **options)
    assert fast.item() / slow.item() == pytest.approx(100, rel=0.01)


def test_weights_that_are_not_given_stay():
    model, loss_of, columns = line()
    before = model.bias.item()
    train(loss_of, columns, [model.weight], lr=0.1, show_progress=False)
    assert model.bias.item() == before


def test_a_huge_gradient_is_clipped():
    """Without clipping, the one wild row would rule Adam's memory for the steps after it."""

    def end(size):
        weight = torch.zeros(1, requires_grad=True)
        sizes = [size, 1.0, 1.0, 1.0]
        losses = iter(sizes)
        options = {"epochs": 4, "lr": 0.1, "show_progress": False}
        train(lambda rows: next(losses) * weight.sum(), ([0],), [weight], **options)
        return weight.item()

    assert end(1e6) == pytest.approx(end(1.0), rel=1e-3)


class TestErrors:
    @pytest.mark.parametrize(
        "columns, lengths", [(([1, 2], [1]), [1, 2]), (([], []), [0]), ((), [])]
    )
    def test_unequal_or_empty_columns(self, columns, lengths):
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="equally long and not empty") as error:
            train(lambda *_: weight.sum(), columns, [weight])
        assert str(lengths) in str(error.value)

    @pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}, {"batch_size": -1}])
    def test_epochs_and_batch_size(self, options):
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="epochs and batch_size must be 1 or more"):
            train(lambda *_: weight.sum(), ([1],), [weight], **options)

    def test_no_parameters(self):
        with pytest.raises(ValueError, match="empty parameter list"):
            train(lambda *_: torch.zeros(1), ([1],), [])

    def test_a_loss_that_is_no_number(self):
        """Said at the step where it happens, before it reaches the weights."""
        weight = torch.ones(1, requires_grad=True)
        losses = iter([1.0, 1.0, float("nan")])
        with pytest.raises(FloatingPointError, match="NaN at step 3: try a lower learning rate"):
            train(
                lambda rows: next(losses) * weight.sum(), ([0] * 5,), [weight],
                batch_size=1, show_progress=False,
            )  # fmt: skip
        assert torch.isfinite(weight).all()


def test_the_bar_is_shown_only_when_asked_for(capsys):
    run()
    assert capsys.readouterr() == ("", "")
    run(show_progress=True)
    assert "loss" in capsys.readouterr().err
