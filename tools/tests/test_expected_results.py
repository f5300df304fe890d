"""What several batches come to."""

import unittest

from support import need

np = need("numpy")

from bn_stream.expected_results import PooledMoments, batch_names, over_batches  # noqa: E402


class PooledMomentsTests(unittest.TestCase):
    def test_they_are_those_of_all_values_together(self) -> None:
        values = np.random.default_rng(1).normal(3, 2, (100, 4))
        pooled = PooledMoments()
        for batch in np.split(values, [1, 30, 30, 77]):
            pooled.add(len(batch), batch.mean(0) if len(batch) else np.nan, batch.var(0) if len(batch) else np.nan)
        self.assertEqual(pooled.count, 100)
        np.testing.assert_allclose(pooled.mean, values.mean(0), rtol=1e-14)
        np.testing.assert_allclose(pooled.variance, values.var(0), rtol=1e-14)


class BatchTests(unittest.TestCase):
    def test_names(self) -> None:
        self.assertEqual(batch_names("batch", True), ["mean", "var", "inv_std", "grad_gamma", "grad_beta", "count"])
        self.assertEqual(batch_names("batch", False), ["mean", "var", "inv_std", "count"])
        self.assertEqual(batch_names("running", True), ["grad_gamma", "grad_beta", "count"])

    def test_gradients_are_summed_and_the_rest_is_listed(self) -> None:
        batches = [{"mean": np.full(2, b), "grad_gamma": np.array([b, 10.0 * b]), "count": b, "output": None} for b in (1, 2, 4)]
        result = over_batches(batches, ["mean", "grad_gamma", "count"], 2)
        self.assertEqual(sorted(result), ["batches/count", "batches/grad_gamma", "batches/mean", "grad_gamma"])
        self.assertEqual(result["grad_gamma"].tolist(), [7, 70])
        self.assertEqual(result["batches/mean"].tolist(), [[1, 1], [2, 2], [4, 4]])
        self.assertEqual((result["batches/count"].tolist(), result["batches/count"].dtype), ([1, 2, 4], np.int64))

    def test_without_batches_there_are_no_rows_and_gradients_are_zero(self) -> None:
        result = over_batches([], batch_names("batch", True), 3)
        self.assertEqual((result["batches/mean"].shape, result["batches/count"].shape), ((0, 3), (0,)))
        self.assertEqual(result["grad_beta"].tolist(), [0, 0, 0])


if __name__ == "__main__":
    unittest.main()
