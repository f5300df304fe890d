"""The command that records: its options reach the recorder, it goes on where it was broken off, and it says mistakes in one line."""

import copy
import os
import subprocess
import sys
import unittest

from support import ROOT, FolderTestCase, need

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from torch import nn  # noqa: E402


class CommandTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder / "acts.h5"

    def run_command(self, *arguments: str) -> subprocess.CompletedProcess:
        (self.folder / "mine.py").write_text(
            "import os, torch\n"
            "def model(width=3, bias=True):\n"
            "    torch.manual_seed(0)\n"
            "    return torch.nn.Sequential(torch.nn.Linear(3, width, bias=bias), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 2))\n"
            "def two():\n"
            "    nn = torch.nn\n"
            "    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))\n"
            "def loss(output, target):\n"
            "    return (output[:, 0] * (target + 1)).sum()\n"
            "def data():\n"
            "    generator = torch.Generator().manual_seed(1)\n"
            "    for number in range(6):\n"
            "        if number == 4 and os.path.exists('break'): raise OSError('the disk of the data is gone')\n"
            "        yield torch.randn(4, 3, generator=generator), torch.randint(2, (4,), generator=generator)\n"
        )
        command = [sys.executable, "-B", "-m", "bn_stream", "record", "--out", "acts.h5", *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "tools" / "python")}
        )

    def test_arguments_of_the_model_and_inputs_from_a_file(self) -> None:
        np.save(self.folder / "x.npy", np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32))
        done = self.run_command(
            "--model", "mine:model(5, bias=False)", "--data", "x.npy", "--batch-size", "8", "--eval", "--forward-only", "--progress"
        )
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertRegex(
            done.stderr,
            r"\Aacts\.h5: 1 of 3 batches, 8 samples, 1 layer, .* of about .*\nacts\.h5: 3 batches, 20 samples, 1 layer, .*B\n\Z",
        )
        with h5py.File(self.path) as file:
            self.assertEqual(
                (file["1/activations"].shape, file["1"].attrs["statistics"], "grad_output" in file["1"]), ((20, 5), "running", False)
            )

    def test_the_same_command_goes_on(self) -> None:
        arguments = ("--model", "mine:model", "--data", "mine:data", "--resumable")
        (self.folder / "break").touch()
        broken = self.run_command(*arguments)
        self.assertEqual((broken.returncode, broken.stderr), (1, "bn_stream record: the disk of the data is gone\n"))
        (self.folder / "break").unlink()
        self.assertEqual(self.run_command(*arguments).returncode, 0)
        with h5py.File(self.path) as file:
            resumed = file["1/activations"][:], file["1/grad_output"][:]
        self.assertEqual(self.run_command("--model", "mine:model", "--data", "mine:data", "--force").returncode, 0)
        with h5py.File(self.path) as file:
            np.testing.assert_array_equal(resumed[0], file["1/activations"][:])
            np.testing.assert_array_equal(resumed[1], file["1/grad_output"][:])

    def test_what_the_command_is_told_goes_on_to_the_recorder(self) -> None:
        """One layer of two, of a checkpoint, with a loss of one's own: what PyTorch has there, and where it stops."""
        torch.manual_seed(7)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        nn.init.uniform_(model[3].weight, 0.5, 2)
        other = {name: value + 1 for name, value in model.state_dict().items()}
        torch.save({"ours": copy.deepcopy(model.state_dict()), "theirs": other}, self.folder / "m.pt")
        done = self.run_command(
            *("--model", "mine:two", "--data", "mine:data", "--checkpoint", "m.pt", "--key", "ours", "--loss", "mine:loss"),
            *("--layer", "3", "--limit", "10", "--element-type", "float16", "--gzip", "4", "--gradient-scale", "1024", "--expected"),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        generator = torch.Generator().manual_seed(1)
        entered, gradients = [], []
        for _ in range(2):  # two batches of four are ten samples at most
            x, target = torch.randn(4, 3, generator=generator), torch.randint(2, (4,), generator=generator)
            entered.append(model[:3](x))
            y = model[3](entered[-1])
            gradients += torch.autograd.grad((model[4](y)[:, 0] * (target + 1)).sum(), y)
        with h5py.File(self.path) as file:
            self.assertEqual((list(file), list(file["expected"])), (["3", "expected"], ["3"]))
            for name, expected in (("activations", torch.cat(entered).detach()), ("grad_output", torch.cat(gradients))):
                found = file["3"][name]
                self.assertEqual((found.dtype, found.compression, found.compression_opts), (np.float16, "gzip", 4))
                np.testing.assert_allclose(found[:], expected, rtol=2e-3, atol=1e-4, err_msg=name)
            self.assertEqual(file["3"].attrs["gradient_scale"], 1024)

    def test_mistakes(self) -> None:
        np.save(self.folder / "x.npy", np.ones((4, 3), np.float32))
        for arguments, words in (
            (("--model", "mine:model(len)", "--data", "mine:data"), "with numbers and strings for arguments"),
            (("--model", "mine:data", "--data", "mine:data"), "returned a generator, not a torch.nn.Module"),
            (("--model", "mine:model", "--data", "x.npy"), "has no targets for a loss; say --forward-only"),
            (("--model", "mine:model", "--data", "y.npy", "--forward-only"), "y.npy: "),
        ):
            done = self.run_command(*arguments)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
