"""The twin of `explain landscape`: its loss is NumPy's, and its gradient that of finite differences."""

import unittest

from support import need

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)
need("sklearn")

from landscape_twin import SIZES, with_gradient  # noqa: E402


def loss(parameters, x, labels, normalizes: bool) -> float:
    """The network once more, in NumPy: weights, then β alone or γ and β, of layer after layer."""
    place = 0

    def take(*shape: int):
        nonlocal place
        place += np.prod(shape)
        return parameters[place - np.prod(shape) : place].reshape(shape)

    for inputs, outputs in zip(SIZES[:-2], SIZES[1:-1]):
        x = x @ take(inputs, outputs)
        if normalizes:
            x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * take(outputs)
        x = np.maximum(x + take(outputs), 0)
    logits = x @ take(*SIZES[-2:]) + take(SIZES[-1])
    assert place == len(parameters)
    return (np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]).mean()


class LandscapeTwinTests(unittest.TestCase):
    def test_loss_and_gradient(self) -> None:
        random = np.random.default_rng(31)
        x, labels = random.uniform(0, 1, (40, 64)), random.integers(0, 10, 40)
        weights = sum(inputs * outputs + outputs for inputs, outputs in zip(SIZES[:-1], SIZES[1:]))
        for normalizes, count in ((False, weights), (True, weights + sum(SIZES[1:-1]))):
            with self.subTest(normalizes=normalizes):
                parameters = random.normal(0, 0.15, count)
                value, gradient = with_gradient(torch.tensor(parameters), torch.tensor(x), torch.tensor(labels), normalizes)
                self.assertAlmostEqual(value, loss(parameters, x, labels, normalizes), places=12)
                # Along the gradient, where it is the steepest, and along directions of chance.
                directions = [gradient.numpy(), *random.normal(size=(4, count))]
                for direction in directions:
                    step = 1e-6 / np.linalg.norm(direction) * direction
                    change = loss(parameters + step, x, labels, normalizes) - loss(parameters - step, x, labels, normalizes)
                    slope = gradient.numpy() @ step * 2
                    self.assertLess(abs(change - slope), 1e-4 * np.linalg.norm(gradient.numpy()) * 2e-6)


if __name__ == "__main__":
    unittest.main()
