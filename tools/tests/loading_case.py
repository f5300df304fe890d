"""A layer or network that was recorded and computed, for tests of what goes back into a model."""

from __future__ import annotations

from support import FolderTestCase, need, run_program

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from torch import nn  # noqa: E402

from bn_stream import ActivationRecorder  # noqa: E402


class LoadTestCase(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        torch.manual_seed(3)
        torch.set_num_threads(1)
        self.acts, self.stats = self.folder / "acts.h5", self.folder / "stats.h5"

    def record(self, model: nn.Module, inputs, **options) -> None:
        with ActivationRecorder(model, self.acts, force=True, restore=True, **options) as recorder, recorder.recording(), torch.no_grad():
            for x in inputs:
                model(x)

    def compute(self, *options: str) -> None:
        run_program("--in", self.acts, "--out", self.stats, "--force", "--quiet", *options)

    def dense(self, features: int = 3):
        """A layer with statistics of its own, in evaluation mode, recorded with two batches of different sizes and computed."""
        model = nn.Sequential(nn.Linear(4, features), nn.BatchNorm1d(features)).eval()
        nn.init.normal_(model[1].running_mean), nn.init.uniform_(model[1].running_var, 0.5, 2)
        self.record(model, [torch.randn(40, 4), 2 * torch.randn(10, 4) + 1])
        self.compute("--statistics", "batch", "--momentum", "none")
        with h5py.File(self.acts) as file:
            x = file["1/activations"][:].astype(np.float64)
        return model, x
