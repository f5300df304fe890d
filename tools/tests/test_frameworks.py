"""Real networks there and back: torchcrepe's, an ONNX classifier of texts, Keras models."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import types
import unittest

from support import ROOT, FolderTestCase, need, program, run_program

np, h5py = need("numpy"), need("h5py")

from bn_stream import ActivationRecorder, LoadError, RecorderError, load, read, recalibrate, record  # noqa: E402

CONFIG = ROOT / "configs" / "recalibrate.json"
#: As one batch with its own statistics, which are then those of the population.
ONE_BATCH = '{"batch_size": "all", "statistics": "batch", "datasets": {"batch_offsets": "none"}, "output_type": "float64"}'


def package_folder(name: str) -> pathlib.Path:
    """Where a package lies, without importing what it needs."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise unittest.SkipTest(f"no {name}")
    return pathlib.Path(spec.submodule_search_locations[0])


class RealNetworkTestCase(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not program():
            self.skipTest("no bn-stream is built, and $BN_STREAM names none")
        self.acts, self.stats, self.out = (self.folder / name for name in ("acts.h5", "stats.h5", "out.h5"))

    def compute(self):
        """The statistics, and what bn-stream gives for each layer when it normalizes with them."""
        self.assertEqual(run_program("--in", self.acts, "--out", self.stats, "--config", CONFIG, "--force", "--quiet", "--strict"), "")
        (self.folder / "one.json").write_text(ONE_BATCH)
        run_program("--in", self.acts, "--out", self.out, "--config", self.folder / "one.json", "--force", "--quiet")
        outputs, acts = read(self.out), h5py.File(self.acts)
        self.addCleanup(outputs.close), self.addCleanup(acts.close)
        return outputs, acts

    def assertOutput(self, found, expected, place: str) -> None:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max(), err_msg=place)


class CrepeTests(RealNetworkTestCase):
    """Six BatchNorm2d of a network that hears pitches, trained by others."""

    def network(self):
        """The network as its authors trained it, and 64 notes with overtones and noise, each frame normalized as torchcrepe does."""
        torch = need("torch", version=2)
        folder = package_folder("torchcrepe")
        stub = types.ModuleType("torchcrepe")
        stub.PITCH_BINS = 360
        before = sys.modules.get("torchcrepe")
        sys.modules["torchcrepe"] = stub
        self.addCleanup(lambda: sys.modules.pop("torchcrepe") if before is None else sys.modules.__setitem__("torchcrepe", before))
        spec = importlib.util.spec_from_file_location("crepe_model", folder / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = module.Crepe("tiny")
        model.load_state_dict(torch.load(folder / "assets" / "tiny.pth", map_location="cpu", weights_only=True))
        model.eval()
        torch.manual_seed(0)
        torch.set_num_threads(1)
        time, pitch = torch.arange(1024) / 16000, 80 * 2 ** (3 * torch.rand(64, 1))
        frames = sum(torch.sin(2 * torch.pi * k * pitch * time) / k for k in range(1, 6)) + 0.05 * torch.randn(64, 1024)
        frames = (frames - frames.mean(1, keepdim=True)) / frames.std(1, keepdim=True)
        return torch, model, frames, pitch[:, 0]

    def test_it_evaluates_with_what_bn_stream_computed(self) -> None:
        torch, model, frames, _ = self.network()
        batches = [(part,) for part in frames.split(24)]
        record(model, batches, self.acts)
        outputs, acts = self.compute()
        self.assertEqual(len(outputs), 6)
        receipt = load(self.stats, model)
        self.assertEqual({(layer.samples, layer.batches) for layer in receipt.layers}, {(64, 3)})
        for path in outputs:
            layer = model.get_submodule(path.strip("/").replace("/", "."))
            self.assertOutput(layer(torch.from_numpy(acts[path]["activations"][:])).detach().numpy(), outputs[path]["output"], path)
        # A network whose layers follow each other settles after as many rounds as it has layers.
        found = recalibrate(model, batches, program=program())
        self.assertTrue(found.is_settled)
        self.assertLessEqual(found.rounds, 7)


    def test_the_statements_about_batch_normalization_on_it(self) -> None:
        """Its own activations and gradients, and as labels the octave of each note, one dataset for all layers."""
        torch, model, frames, pitch = self.network()
        # Where it hears the note: bins of 20 cents.
        bins = ((1200 * torch.log2(pitch / 10) - 1997.3794) / 20).round().long()
        self.assertEqual((model(frames).argmax(1) - bins).abs().float().median(), 0)
        model.train()
        with ActivationRecorder(model, str(self.acts), restore=True) as recorder, recorder.recording():
            for part, target in zip(frames.split(32), bins.split(32), strict=True):
                torch.nn.functional.nll_loss(torch.log(model(part) + 1e-9), target).backward()
        with h5py.File(self.acts, "a") as file:
            file["labels"] = torch.log2(pitch / 80).long().numpy()
        for topic in ("adjoints", "identity", "saturation", "bias-drift", "percentiles"):
            options = ["--steps", "300"] if topic == "percentiles" else []
            found = json.loads(run_program("explain", topic, "--in", self.acts, "--layer", "conv6_BN", "--json", *options))
            self.assertEqual([one["verdict"] for one in found["explanations"]], ["held"], topic)
        run_program("--in", self.acts, "--out", self.out, "--diagnose", "--quiet")
        with h5py.File(self.out) as file:
            layers = [layer["diagnostics"] for layer in file.values()]
            self.assertEqual(len(layers), 6)
            for layer in layers:
                self.assertLess(np.nanmax(layer["gradient_identity_error"][:]), 1e-12)
                shares = layer["mean_share"][:] + layer["normalized_share"][:]
                self.assertTrue(((shares >= 0) & (shares <= 1 + 1e-12) | np.isnan(shares)).all())


class OnnxTests(RealNetworkTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.onnx, self.runtime = need("onnx"), need("onnxruntime")

    def run_node(self, model, path: str, x):
        """What ONNX Runtime gives for one BatchNormalization node alone."""
        from bn_stream.models.onnx_model import OnnxModel, nodes_of

        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        node, stored = nodes_of(model)[path], OnnxModel(model)
        single = helper.make_node(
            "BatchNormalization",
            ["x", "0", "1", "2", "3"],
            ["y"],
            **{item.name: helper.get_attribute_value(item) for item in node.attribute},
        )
        vectors = [numpy_helper.from_array(stored.vector(path, node, place), str(place - 1)) for place in range(1, 5)]
        kind = self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [single],
            "one",
            [helper.make_tensor_value_info("x", kind, x.shape)],
            [helper.make_tensor_value_info("y", kind, x.shape)],
            vectors,
        )
        one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        return self.runtime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]

    def lines(self):
        """Pieces of photographs as the classifier takes them: [n, 3, 48, 192], from -1 to 1."""
        need("PIL")
        images = need("sklearn.datasets").load_sample_images().images
        rng = np.random.default_rng(0)
        pieces = []
        for _ in range(12):
            image = images[rng.integers(len(images))]
            top, left = rng.integers(image.shape[0] - 48), rng.integers(image.shape[1] - 192)
            pieces.append(image[top : top + 48, left : left + 192].transpose(2, 0, 1))
        return (np.array(pieces, np.float32) / 255 - 0.5) / 0.5

    def test_a_classifier_of_texts(self) -> None:
        path = package_folder("rapidocr_onnxruntime") / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
        lines = self.lines()
        record(path, [lines[:8], lines[8:]], self.acts)
        outputs, acts = self.compute()
        self.assertEqual(len(outputs), 35)
        receipt = load(self.stats, path, out=self.folder / "new.onnx")
        self.assertEqual((len(receipt.layers), receipt.kept), (35, []))
        self.assertGreater(receipt.movement, 0.1)
        model = self.onnx.load(self.folder / "new.onnx")
        self.onnx.checker.check_model(model)
        for layer in outputs:
            self.assertOutput(self.run_node(model, layer, acts[layer]["activations"][:]), outputs[layer]["output"], layer)
        # The whole network runs, and says something else than before.
        answers = [
            self.runtime.InferenceSession(str(name), providers=["CPUExecutionProvider"]) for name in (path, self.folder / "new.onnx")
        ]
        before, after = (session.run(None, {session.get_inputs()[0].name: lines})[0] for session in answers)
        self.assertFalse(np.allclose(before, after, atol=1e-3))
        found = recalibrate(model, [lines[:8], lines[8:]], rounds=2, program=program())
        self.assertEqual((len(found.movement), found.rounds), (35, 2))

    def test_commands(self) -> None:
        self.onnx.save(self.small(), self.folder / "m.onnx")
        np.save(self.folder / "x.npy", np.random.default_rng(1).normal(5, 3, (40, 2, 3)).astype(np.float32))

        def run(*arguments: str) -> subprocess.CompletedProcess:
            env = os.environ | {"PYTHONPATH": str(ROOT / "tools" / "python"), "BN_STREAM": str(program())}
            return subprocess.run(
                [sys.executable, "-B", "-m", "bn_stream", *arguments], cwd=self.folder, capture_output=True, text=True, env=env
            )

        done = run(
            "record", "--model", "m.onnx", "--data", "x.npy", "--batch-size", "16", "--batches", "2", "--layer", "first", "--out", "acts.h5"
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with h5py.File(self.acts) as file:
            self.assertEqual((list(file), file["first/batch_offsets"][:].tolist()), (["first"], [0, 16, 32]))
        done = run("recalibrate", "--model", "m.onnx", "--data", "x.npy", "--out", "n.onnx")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stdout, r"(?s)\Alayer +round 1 .*settled: .*n\.onnx: 2 layers by population; receipt: n\.onnx\.receipt\.json\n\Z"
        )
        self.assertIn(
            "--expected is for PyTorch", run("record", "--model", "m.onnx", "--data", "x.npy", "--out", "b.h5", "--expected").stderr
        )

    def small(self, shared: bool = False, computed: bool = False):
        """Two nodes; `shared`: of the same numbers, once as a constant; `computed`: with a variance that the graph computes."""
        helper, numpy_helper, kind = self.onnx.helper, self.onnx.numpy_helper, self.onnx.TensorProto.FLOAT
        ones, mean, var = (
            numpy_helper.from_array(np.array(values, np.float32), name)
            for name, values in (("one", [1, 1]), ("mean", [0, 1]), ("var", [1, 4]))
        )
        nodes = [
            helper.make_node("BatchNormalization", ["x", "one", "one", "mean", "var"], ["a"], name="first", epsilon=1e-3),
            helper.make_node("Constant", [], ["var2"], value=numpy_helper.from_array(np.array([2, 2], np.float32))),
            helper.make_node("Identity", ["var2"], ["var3"]),
            helper.make_node("Add" if computed else "Identity", ["var3", "one"] if computed else ["var3"], ["var4"]),
            helper.make_node("BatchNormalization", ["a", "one", "one", "mean" if shared else "one", "var4"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, ["n", 2, 3])],
            [helper.make_tensor_value_info("y", kind, ["n", 2, 3])],
            [ones, mean, var],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)

    def test_shared_numbers_and_constants(self) -> None:
        model = self.small(shared=True)
        x = np.random.default_rng(1).normal(5, 3, (40, 2, 3)).astype(np.float32)
        record(model, [x], self.acts)
        with h5py.File(self.acts) as file:
            self.assertEqual(
                (sorted(file), [int(file[name].attrs["depth"]) for name in ("first", "y")], file["first"].attrs["epsilon"]),
                (["first", "y"], [0, 1], np.float32(1e-3)),
            )
        found = recalibrate(model, [x], program=program())
        self.assertTrue(found.is_settled)
        session = self.runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        y = session.run(None, {"x": x})[0].transpose(1, 0, 2).reshape(2, -1)
        # γ and β are one, twice: 1 + x̂, and then 1 + x̂ again.
        np.testing.assert_allclose(y.mean(1), [1, 1], atol=1e-5)
        np.testing.assert_allclose(y.std(1), [1, 1], atol=2e-3)
        self.assertEqual(
            [list(self.onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer if tensor.name == "one"], [[1, 1]]
        )

    def test_what_cannot_be_replaced_or_run(self) -> None:
        x = np.ones((4, 2, 3), np.float32)
        with self.assertRaisesRegex(LoadError, "/y: its input var4 is computed by the graph, and is no constant"):
            record(self.small(computed=True), [x], self.acts)
        for words, arguments in (("ONNX Runtime does not run the model on this batch", ([x[:, :1]],)), ("there was no batch", ([],))):
            with self.assertRaisesRegex(RecorderError, words):
                record(self.small(), *arguments, self.acts)
        with self.assertRaisesRegex(RecorderError, "no BatchNormalization of the graph was chosen; there is /first, /y"):
            record(self.small(), [x], self.acts, layers="zzz")
        (self.folder / "text.onnx").write_text("no graph")
        with self.assertRaisesRegex(LoadError, "text.onnx: cannot be read as ONNX"):
            record(self.folder / "text.onnx", [x], self.acts)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["text.onnx"])


KERAS = """
import sys, keras, numpy as np
from keras import layers as L
sys.path.insert(0, sys.argv[1])
keras.utils.set_random_seed(3)
inputs = keras.Input((8, 8, 1))
x = L.Activation("relu")(L.BatchNormalization(name="stem_bn")(L.Conv2D(6, 3, name="stem")(inputs)))
block = keras.Sequential([L.Conv2D(6, 3), L.BatchNormalization(name="bn", scale=False), L.Activation("relu")], name="block")
model = keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(block(x))))
data = np.random.default_rng(1).normal(2, 3, (90, 8, 8, 1)).astype("float32")
batches = [data[:40], data[40:80], data[80:]]
"""


class KerasTests(RealNetworkTestCase):
    """In processes of their own: the backend of Keras is chosen once."""

    def setUp(self) -> None:
        super().setUp()
        need("torch", version=2)
        if importlib.util.find_spec("keras") is None:
            self.skipTest("no keras")

    def run_keras(self, code: str) -> str:
        env = os.environ | {
            "PYTHONPATH": str(ROOT / "tools" / "python"),
            "KERAS_BACKEND": "torch",
            "BN_STREAM": str(program()),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-B", "-c", KERAS + code, str(ROOT / "tools" / "tests")],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=env,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout

    def test_there_and_back(self) -> None:
        self.run_keras("""
from bn_stream import record
record(model, batches, "acts.h5")
model.save("model.keras")
""")
        outputs, acts = self.compute()
        self.assertEqual(sorted(outputs), ["/block/bn", "/stem_bn"])
        attributes = dict(acts["stem_bn"].attrs)
        self.assertEqual(
            {key: attributes[key] for key in ("epsilon", "feature_axis", "running_variance", "statistics", "depth")},
            {"epsilon": 1e-3, "feature_axis": 3, "running_variance": "biased", "statistics": "running", "depth": 0},
        )
        self.assertAlmostEqual(attributes["momentum"], 0.01)
        self.assertEqual(
            (acts["block/bn"].attrs["depth"], "gamma" in acts["block/bn"], acts["stem_bn/batch_offsets"][:].tolist()),
            (1, False, [0, 40, 80, 90]),
        )
        np.savez(self.folder / "expected.npz", **{path.strip("/"): outputs[path]["output"] for path in outputs})
        self.run_keras("""
from bn_stream import load
import h5py
receipt = load("stats.h5", "model.keras", out="new.keras")
assert len(receipt.layers) == 2 and receipt.movement > 0.1, receipt
model = keras.saving.load_model("new.keras")
expected = np.load("expected.npz")
with h5py.File("acts.h5") as file:
    for path, layer in (("stem_bn", model.get_layer("stem_bn")), ("block/bn", model.get_layer("block").get_layer("bn"))):
        y = keras.ops.convert_to_numpy(layer(file[path]["activations"][:], training=False))
        np.testing.assert_allclose(y, expected[path], rtol=1e-6, atol=1e-6 * np.abs(expected[path]).max(), err_msg=path)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.moving_variance), file[path]["activations"][:].astype("f8").var((0, 1, 2)), rtol=1e-6)
""")

    def test_mean_of_batches_is_kerass_own_average(self) -> None:
        """With the momentum that makes of its moving average the mean of all batches."""
        self.run_keras("""
from bn_stream import KerasRecorder, load
import subprocess, os
bn = model.get_layer("stem_bn")
with KerasRecorder(model, "acts.h5", layers="stem_bn") as recorder, recorder.recording():
    for number, batch in enumerate(batches):
        bn.momentum = number / (number + 1)
        model(batch, training=True)
theirs = [keras.ops.convert_to_numpy(value).copy() for value in (bn.moving_mean, bn.moving_variance)]
subprocess.run([os.environ["BN_STREAM"], "--in", "acts.h5", "--out", "stats.h5", "--momentum", "none", "--quiet"], check=True)
load("stats.h5", model, estimator="mean_of_batches")
for ours, other in zip((bn.moving_mean, bn.moving_variance), theirs):
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), other, rtol=2e-6, atol=2e-6)
""")

    def test_recalibration_and_refusals(self) -> None:
        printed = self.run_keras("""
from bn_stream import KerasRecorder, ToolError, load, recalibrate
found = recalibrate(model, batches)
assert found.is_settled and list(found.movement) == ["/stem_bn", "/block/bn"], found
assert recalibrate(model, batches, sweep=True).movement["/block/bn"][0] < 1e-5
def refused(call):
    try: call()
    except ToolError as error: print(error)
    else: raise AssertionError("was not refused")
def predict():
    with KerasRecorder(model, "x.h5", force=True) as recorder, recorder.recording():
        model(batches[0], training=False); model(batches[0], training=True)
refused(predict)
renorm = keras.Sequential([keras.Input((3,)), L.BatchNormalization(renorm=True, name="r")])
def train():
    with KerasRecorder(renorm, "x.h5") as recorder, recorder.recording(): renorm(np.ones((4, 3), "f4"), training=True)
refused(train)
refused(lambda: KerasRecorder(keras.Sequential([keras.Input((3,)), L.Dense(2)], name="dense"), "x.h5"))
refused(lambda: KerasRecorder(model, "x.h5", layers="head"))
import os
assert not os.path.exists("x.h5") and not os.path.exists("x.h5.partial")
""").splitlines()
        for line, words in zip(
            printed,
            (
                "/stem_bn changed between training and evaluation mode",
                "/r renormalizes or synchronizes in training",
                "dense has no BatchNormalization layer to record",
                "no BatchNormalization of the model was chosen; there is /stem_bn, /block/bn",
            ),
            strict=True,
        ):
            self.assertIn(words, line)

    def test_masks_are_recorded(self) -> None:
        self.run_keras("""
from bn_stream import record
inputs = keras.Input((5,), dtype="int32")
masked = keras.Model(inputs, L.BatchNormalization(name="bn")(L.Embedding(7, 4, mask_zero=True)(inputs)))
tokens = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 0]])
record(masked, [tokens], "acts.h5")
""")
        with h5py.File(self.acts) as file:
            self.assertEqual(file["bn/mask"][:].tolist(), [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
            x = file["bn/activations"][:].astype(np.float64)[file["bn/mask"][:] != 0]
        self.compute()
        with read(self.stats) as results:
            np.testing.assert_allclose(results["bn"]["population_mean"], x.mean(0), rtol=1e-12)


if __name__ == "__main__":
    unittest.main()
