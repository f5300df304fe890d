"""Statistics go back into a model: the framework then normalizes with what bn-stream computed."""

import copy
import unittest

from support import ROOT, need, run_program

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from loading_case import LoadTestCase  # noqa: E402
from torch import nn  # noqa: E402

from bn_stream import LoadError, ToolError, load, read  # noqa: E402
from bn_stream.estimators import estimate  # noqa: E402

CONFIGS = ROOT / "configs"


class EstimatorTests(LoadTestCase):
    def test_population(self) -> None:
        model, x = self.dense()
        load(self.stats, model)
        np.testing.assert_allclose(model[1].running_mean, x.mean(0), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model[1].running_var, x.var(0), rtol=1e-6)

    def test_mean_of_batches(self) -> None:
        model, x = self.dense()
        load(self.stats, model, estimator="mean_of_batches")
        batches = x[:40], x[40:]
        np.testing.assert_allclose(model[1].running_mean, np.mean([b.mean(0) for b in batches], 0), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model[1].running_var, np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-6)

    def test_mean_of_biased_batches_is_had_with_any_momentum(self) -> None:
        model, x = self.dense()
        self.compute("--statistics", "batch", "--momentum", "0.3", "--running-variance", "biased")
        load(self.stats, model, estimator="mean_of_batches")
        np.testing.assert_allclose(model[1].running_var, np.mean([b.var(0) for b in (x[:40], x[40:])], 0), rtol=1e-6)
        self.compute("--statistics", "batch", "--momentum", "0.3")
        with self.assertRaisesRegex(LoadError, "run bn-stream with --momentum none"):
            load(self.stats, model, estimator="mean_of_batches")

    def test_running(self) -> None:
        model, x = self.dense()
        mean, var = model[1].running_mean.double().numpy(), model[1].running_var.double().numpy()
        self.compute("--statistics", "batch", "--momentum", "0.25")
        for batch in (x[:40], x[40:]):
            mean, var = 0.75 * mean + 0.25 * batch.mean(0), 0.75 * var + 0.25 * batch.var(0, ddof=1)
        load(self.stats, model, estimator="running")
        np.testing.assert_allclose(model[1].running_mean, mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model[1].running_var, var, rtol=1e-6)

    def test_running_statistics_that_were_only_used_are_refused(self) -> None:
        model, _ = self.dense()
        self.compute()  # in the recorded mode
        with self.assertRaisesRegex(LoadError, "those that the model has already; run bn-stream with --statistics batch"):
            load(self.stats, model, estimator="running")
        with self.assertRaisesRegex(LoadError, "run bn-stream with --statistics batch"):
            load(self.stats, model, estimator="mean_of_batches")

    def test_a_prior_weighs_as_samples(self) -> None:
        model, x = self.dense()
        mean, var = (values.double().numpy() for values in (model[1].running_mean, model[1].running_var))
        load(self.stats, model, prior=150)
        np.testing.assert_allclose(model[1].running_mean, 0.75 * mean + 0.25 * x.mean(0), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model[1].running_var, 0.75 * var + 0.25 * x.var(0), rtol=1e-6)

    def test_standard_errors_shrink_with_a_prior(self) -> None:
        """The statistics from before are taken for known: of the error a share is left as large as that of the new samples."""
        self.dense()
        with read(self.stats) as results:
            alone = estimate(results["1"], "population", "here")
        blended = alone.blended(np.zeros(3), np.ones(3), 150)
        np.testing.assert_allclose(blended.mean_standard_error, alone.mean_standard_error / 4, rtol=1e-12)
        np.testing.assert_allclose(blended.variance_standard_error, alone.variance_standard_error / 4, rtol=1e-12)

    def test_standard_errors(self) -> None:
        """Of three batches whose means differ, by the definition: of numbers t with weights w, here equal ones and 1/4, 1/4, 1/2."""
        model = nn.Sequential(nn.BatchNorm1d(2)).eval()
        parts = [torch.randn(10, 2), torch.randn(10, 2) + 3, 2 * torch.randn(20, 2) - 1]
        self.record(model, parts)
        self.compute("--config", str(CONFIGS / "recalibrate.json"))
        parts = [part.double().numpy() for part in parts]
        whole = np.concatenate(parts)
        means = np.array([part.mean(0) for part in parts])
        with read(self.stats) as results:
            pooled, equal = (estimate(results["0"], name, "here") for name in ("population", "mean_of_batches"))

        def error(terms, weights):
            weights = np.array(weights)[:, None]
            return np.sqrt(1.5 * (weights**2 * (terms - (weights * terms).sum(0)) ** 2).sum(0))

        thirds, shares = [1 / 3] * 3, [1 / 4, 1 / 4, 1 / 2]
        np.testing.assert_allclose(equal.mean_standard_error, means.std(0, ddof=1) / np.sqrt(3), rtol=1e-12)
        np.testing.assert_allclose(equal.variance_standard_error, error(np.array([part.var(0) for part in parts]), thirds), rtol=1e-12)
        np.testing.assert_allclose(pooled.mean_standard_error, error(means, shares), rtol=1e-12)
        squares = np.array([np.square(part - whole.mean(0)).mean(0) for part in parts])
        np.testing.assert_allclose(pooled.variance_standard_error, error(squares, shares), rtol=1e-12)

    def test_standard_errors_are_those_of_repeated_sampling(self) -> None:
        """64 values of a layer in batches of 64, again and again: the spread of their means and variances is what was predicted."""
        samples = np.random.default_rng(0).normal(2, 3, (200, 32 * 64, 1)).astype(np.float32)
        for estimator in ("population", "mean_of_batches"):
            errors, found = [], []
            for part in samples:
                means, variances = part.reshape(32, 64, 1).mean(1), part.reshape(32, 64, 1).var(1)
                layer = {
                    "batches/count": np.full(32, 64),
                    "batches/mean": means,
                    "batches/var": variances,
                    "population_mean": part.mean(0),
                    "population_var": part.var(0),
                    "running_mean": means.mean(0),
                    "running_var": variances.mean(0) * 64 / 63,
                }
                result = estimate(Layer(layer), estimator, "here")
                found.append((result.mean[0], result.variance[0]))
                errors.append((result.mean_standard_error[0], result.variance_standard_error[0]))
            np.testing.assert_allclose(np.sqrt(np.mean(np.square(errors), 0)), np.std(found, axis=0), rtol=0.15)


class Layer(dict):
    attributes = {"momentum": "none", "statistics": "batch"}


class NetworkTests(LoadTestCase):
    def setUp(self) -> None:
        super().setUp()
        from small_networks import trained

        self.model, self.batches = trained()
        self.names = [name for name, module in self.model.named_modules() if isinstance(module, nn.BatchNorm2d)]

    def test_evaluation_then_gives_what_bn_stream_gives(self) -> None:
        self.record(self.model, self.batches)
        self.compute("--config", str(CONFIGS / "recalibrate.json"))
        receipt = load(self.stats, self.model)
        self.assertEqual(len(receipt.layers), 5)
        # What bn-stream gives for all samples as one batch; here with the layers' own γ, β and ε.
        (self.folder / "one.json").write_text('{"batch_size": "all", "statistics": "batch", "datasets": {"batch_offsets": "none"}}')
        run_program("--in", self.acts, "--out", self.folder / "out.h5", "--config", self.folder / "one.json", "--quiet")
        with h5py.File(self.acts) as acts, read(self.folder / "out.h5") as outputs:
            for name in self.names:
                path = name.replace(".", "/")
                y = self.model.get_submodule(name)(torch.from_numpy(acts[path]["activations"][:]))
                expected = outputs[name]["output"]
                np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())

    def test_mean_of_batches_is_what_update_bn_computes(self) -> None:
        theirs = copy.deepcopy(self.model)
        # Once before, so that it does not set the mode back to evaluation and forget what it was called with.
        torch.optim.swa_utils.update_bn(self.batches, theirs)
        before = copy.deepcopy(self.model.state_dict())
        self.record(self.model.train(), self.batches)
        self.compute("--momentum", "none")
        load(self.stats, self.model.eval(), estimator="mean_of_batches")
        for name in self.names:
            for statistic in ("running_mean", "running_var"):
                ours, other = (getattr(model.get_submodule(name), statistic).numpy() for model in (self.model, theirs))
                np.testing.assert_allclose(ours, other, rtol=2e-6, atol=2e-6, err_msg=f"{name} {statistic}")
                self.assertFalse(np.array_equal(ours, before[f"{name}.{statistic}"]))
        x = torch.cat(self.batches)
        np.testing.assert_allclose(self.model(x).detach(), theirs.eval()(x).detach(), rtol=1e-4, atol=1e-4)


class LargeMeanTests(LoadTestCase):
    def test_where_a_mean_of_ten_thousand_standard_deviations_spoils_the_usual_way(self) -> None:
        rng = np.random.default_rng(0)
        x = (np.array([0, 1e3, 1e4]) + rng.standard_normal((6400, 3))).astype(np.float32)
        model = nn.Sequential(nn.BatchNorm1d(3))
        batches = torch.from_numpy(x).split(64)
        self.record(model.eval(), batches)
        self.compute("--config", str(CONFIGS / "recalibrate.json"))
        load(self.stats, model)
        exact = x.astype(np.float64)
        np.testing.assert_allclose(model[0].running_mean, exact.mean(0), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model[0].running_var, exact.var(0), rtol=1e-6)
        # As fvcore's update_bn_stats pools: E[x²] - E[x]², in the type of the model.
        means = torch.stack([batch.mean(0) for batch in batches])
        squares = torch.stack([batch.var(0, correction=0) + batch.mean(0).square() for batch in batches])
        usual = (squares.mean(0) - means.mean(0).square()).numpy()
        self.assertLess(abs(usual[0] / exact.var(0)[0] - 1), 1e-5)
        self.assertGreater(abs(usual[1] / exact.var(0)[1] - 1), 0.01)
        self.assertGreater(abs(usual[2] / exact.var(0)[2] - 1), 0.5)


class RefusalTests(LoadTestCase):
    def refused(self, words: str, model, **options) -> None:
        """Nothing of the model changed."""
        before = copy.deepcopy(model.state_dict()) if isinstance(model, nn.Module) else None
        with self.assertRaisesRegex(LoadError, words):
            load(self.stats, model, **options)
        for name, value in (before or {}).items():
            self.assertTrue(torch.equal(value, model.state_dict()[name]), name)

    def test_what_does_not_fit(self) -> None:
        model, _ = self.dense()
        self.refused(r"/1 has a mean of shape \[3\], and 1 of the model one of \[5\]", nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)))
        self.refused("/1 has no layer in the PyTorch module, which has /0", nn.Sequential(nn.BatchNorm1d(3)))
        self.refused(r"for /inner/1 say prefix inner\.$", nn.ModuleDict({"inner": copy.deepcopy(model)}))
        self.refused("has no layer with running statistics", nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)))
        self.refused("no layer matches /2; there is /1", model, layers=["/2"])
        self.refused("less than none", model, prior=-1)
        self.refused("changed in place", model, out=self.folder / "x.pt")
        self.refused("median is no estimator", model, estimator="median")
        self.refused("a int is no model", 3)
        self.refused("endings? .* are not known|the ending .xyz are not known", self.folder / "m.xyz", out=self.folder / "x.pt")
        self.refused("there is no such file", self.folder / "absent.pt", out=self.folder / "x.pt")
        (self.folder / "text.pt").write_text("no tensors")
        self.refused("PyTorch does not read it as tensors", self.folder / "text.pt", out=self.folder / "x.pt")
        self.assertEqual(list(self.folder.glob("x.pt*")), [])

    def test_the_second_of_two_layers_stops_the_first(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)).eval()
        self.record(model, [torch.randn(20, 3)])
        self.compute("--statistics", "batch")
        other = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(4))
        self.refused("/1 has a mean of shape", other)

    def test_what_is_not_finite(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(3)).eval()
        x = torch.randn(20, 3)
        x[4, 2] = torch.nan
        self.record(model, [x])
        self.compute("--statistics", "batch")
        self.refused(r"the mean of 1 of 3 features is not finite \(first: feature 2\)", model)

    def test_what_the_models_type_does_not_hold(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(3)).eval()
        self.record(model, [1e5 * torch.randn(20, 3)])
        self.compute("--statistics", "batch")
        half = copy.deepcopy(model).half()
        self.refused("0 of the model stores torch.float16, which ends at 65504, and would get", half)

    def test_a_file_without_results(self) -> None:
        model, _ = self.dense()
        with self.assertRaisesRegex(ToolError, r"holds no results of bn-stream; make them with bn-stream --in"):
            load(self.acts, model)

    def test_layers_that_are_left(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)).eval()
        self.record(model, [torch.randn(20, 3)])
        self.compute("--statistics", "batch")
        before = model[1].running_mean.clone()
        receipt = load(self.stats, model, layers=["/0"])
        self.assertEqual(receipt.kept, ["1"])
        self.assertTrue(torch.equal(before, model[1].running_mean))
        self.assertIn("kept as they were: 1", str(receipt))


if __name__ == "__main__":
    unittest.main()
