"""The fixtures' reference against PyTorch's own batch norm and against numbers that are known."""

import unittest

from support import FolderTestCase, need

np, torch, h5py = need("numpy"), need("torch"), need("h5py")

from batchnorm_reference import Reference, Settings, check_against_torch  # noqa: E402
from fixtures.layouts import layouts  # noqa: E402
from fixtures.modes import modes  # noqa: E402
from fixtures.parameters import parameters  # noqa: E402
from fixtures.results import compute  # noqa: E402
from made_files import FIXTURES  # noqa: E402


def reference(settings: Settings, features: int) -> Reference:
    one, zero = torch.ones(features, dtype=torch.float64), torch.zeros(features, dtype=torch.float64)
    return Reference(settings, zero, 1.5 * one, -one, zero, one)


class ReferenceTests(unittest.TestCase):
    def setUp(self) -> None:
        draw = np.random.default_rng(5)
        self.x, self.dy = draw.normal(2, 3, (6, 4, 3, 5)), draw.normal(0, 1, (6, 4, 3, 5))

    def test_it_agrees_with_pytorch_for_every_axis(self) -> None:
        for axis in (1, 2, -1):
            with self.subTest(axis):
                settings = Settings(feature_axis=axis)
                oracle = reference(settings, self.x.shape[axis])
                result = oracle.batch(self.x, self.dy, None)
                check_against_torch(settings, oracle.gamma, oracle.beta, self.x, self.dy, result, tolerance=1e-12)

    def test_a_disagreement_is_noticed(self) -> None:
        settings = Settings()
        oracle = reference(settings, 4)
        result = oracle.batch(self.x, self.dy, None)
        result["grad_input"][0, 0, 0, 0] += 1e-6
        with self.assertRaisesRegex(AssertionError, "grad_input differs"):
            check_against_torch(settings, oracle.gamma, oracle.beta, self.x, self.dy, result)

    def test_running_statistics_are_pytorchs(self) -> None:
        for momentum in (0.1, None):
            with self.subTest(momentum):
                oracle, layer = reference(Settings(momentum=momentum), 4), torch.nn.BatchNorm2d(4, momentum=momentum).double()
                for x in (self.x, self.x + 1, self.x * 2):
                    oracle.batch(x, None, None)
                    layer(torch.from_numpy(x))
                torch.testing.assert_close(oracle.running_mean, layer.running_mean, rtol=1e-13, atol=1e-13)
                torch.testing.assert_close(oracle.running_var, layer.running_var, rtol=1e-13, atol=1e-13)

    def test_masked_samples_count_in_no_statistic(self) -> None:
        mask = np.array([1, 1, 0, 1, 0, 1], np.uint8)
        masked = reference(Settings(), 4).batch(self.x, self.dy, mask)
        alone = reference(Settings(), 4).batch(self.x[mask != 0], None, None)
        np.testing.assert_allclose(masked["mean"], alone["mean"], rtol=1e-14)
        np.testing.assert_allclose(masked["output"][mask != 0], alone["output"], rtol=1e-13, atol=1e-13)
        self.assertEqual(masked["count"], 6)


class CommittedResultTests(FolderTestCase):
    def test_results_of_committed_fixtures_come_out_again(self) -> None:
        """Within rounding, which may differ from processor to processor."""
        for theme in (layouts, parameters, modes):
            for name, case in theme():
                with self.subTest(name), h5py.File(FIXTURES / f"{name}.h5") as file:
                    for layer in case.layers:
                        results, expected = compute(layer, case.configuration), file["/expected/" + layer.path]
                        for key, value in results.items():
                            np.testing.assert_allclose(value, expected[key][()], rtol=1e-12, atol=1e-12, err_msg=key)


if __name__ == "__main__":
    unittest.main()
