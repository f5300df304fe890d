"""An array of Slurm's gives the bytes of one process, whatever becomes of its tasks: on a cluster of two nodes on this machine."""

import glob
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from support import ROOT, need, program

h5py = need("h5py")
numpy = need("numpy")
PROGRAM = str(program())
TOOLS = os.path.join(ROOT, "tools", "slurm")


def lacking():
    """What is missing for a cluster, as a word; None if nothing is."""
    for command in ("slurmctld", "slurmd", "munged", "sbatch"):
        if not shutil.which(command):
            return f"no {command} (Debian's slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "a cluster of its own needs root"
    if not program():
        return "no bn-stream is built, and $BN_STREAM names none"
    return None


@unittest.skipIf(lacking(), lacking() or "")
class ArrayTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bn-stream-slurm-")
        cls.cluster = os.path.join(cls.folder, "cluster")
        output = subprocess.run(
            [os.path.join(TOOLS, "cluster"), "start", cls.cluster], check=True, capture_output=True, text=True).stdout
        cls.environment = dict(
            os.environ, SLURM_CONF=output.strip().removeprefix("SLURM_CONF="), BN_STREAM=PROGRAM,
            BN_STREAM_RECORD_SECONDS="0")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(subprocess.run, [os.path.join(TOOLS, "cluster"), "stop", cls.cluster])
        cls.work = os.path.join(cls.folder, "work")
        os.mkdir(cls.work)
        random = numpy.random.default_rng(17)
        with h5py.File(os.path.join(cls.work, "acts.h5"), "w") as file:
            for layer in ("first", "second"):
                for name in ("activations", "grad_output"):
                    file[f"{layer}/{name}"] = random.standard_normal((40_000, 64), dtype="f4")
        cls.options = ["--in", "acts.h5", "--quiet"]
        cls.run_program(*cls.options, "--batch-size", "8", "--out", "whole.h5")
        with open(os.path.join(cls.work, "whole.h5"), "rb") as file:
            cls.expected = file.read()

    @classmethod
    def run_program(cls, *arguments):
        return subprocess.run(
            [PROGRAM, *arguments], cwd=cls.work, env=cls.environment, check=True, capture_output=True, text=True).stdout

    def slurm(self, *command, check=True):
        return subprocess.run(
            command, cwd=self.work, env=self.environment, check=check, capture_output=True, text=True).stdout

    def submit(self, shards, name, *options, batch_size="8"):
        job = self.slurm(
            os.path.join(TOOLS, "bn-stream-array"), str(shards), *options, "--", *self.options, "--batch-size", batch_size, "--out", name,
        ).strip()
        self.assertRegex(job, r"^\d+$")
        return job

    def wait(self, condition, what, job=None):
        """Times are never asserted; this is when to give up."""
        for _ in range(1200):
            if condition():
                return
            if job:
                self.hurry(job)
            time.sleep(0.1)
        jobs = self.slurm("squeue") + self.slurm("scontrol", "--oneliner", "show", "job", *([job] if job else []), check=False)
        unfinished = [name for name in os.listdir(self.work) if name.endswith(".partial")]
        states = [self.run_program("inspect", name) for name in unfinished]
        log = ""
        for path in sorted(glob.glob(os.path.join(self.cluster, "slurm*.log"))):
            with open(path) as file:
                log += "".join([os.path.basename(path) + ":\n", *file.readlines()[-60:]])
        self.fail("\n".join([what, jobs, *states, self.logs(), log]))

    def hurry(self, job):
        """Slurm lets a task that was queued again wait for two minutes. A node fails a task of which an earlier run has not wholly ended there."""
        for task in self.slurm("squeue", "-h", "-j", job, "-t", "PENDING", "-r", "-o", "%A", check=False).split():
            running = subprocess.run(["pgrep", "-f", rf"slurmstepd: \[{task}\."], capture_output=True).returncode == 0
            # By these sockets it knows.
            sockets = glob.glob(os.path.join(self.cluster, "spool_node*", f"*_{task}.*"))
            if not running and not sockets:
                self.slurm("scontrol", "update", f"jobid={task}", "starttime=now", check=False)

    def logs(self):
        text = ""
        for folder, _, names in os.walk(self.work):
            for name in sorted(names):
                if name.endswith(".log"):
                    with open(os.path.join(folder, name)) as file:
                        text += f"{name}: {file.read()}\n"
        return text

    def exists(self, name):
        return os.path.exists(os.path.join(self.work, name))

    def check(self, name, expected=None):
        with open(os.path.join(self.work, name), "rb") as file:
            self.assertEqual(file.read(), expected or self.expected)
        self.assertFalse(self.exists(name + ".partial"))

    def test_an_array(self):
        job = self.submit(4, "array.h5", "--cpus-per-task=1")
        self.wait(lambda: self.exists("array.h5"), "no output", job)
        self.check("array.h5")

        self.wait(lambda: "complete" in self.log("array.h5", "check"), "the check says nothing")

    def log(self, name, task):
        try:
            with open(os.path.join(self.work, name + ".logs", task + ".log")) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def test_batches_that_all_share(self):
        self.run_program(*self.options, "--batch-size", "all", "--out", "whole-all.h5")
        with open(os.path.join(self.work, "whole-all.h5"), "rb") as file:
            expected = file.read()
        # Two turns, and a task of the first is queued again.
        job = self.submit(3, "all.h5", "--cpus-per-task=1", batch_size="all")
        self.wait(lambda: self.exists("all.h5.partial/shard-1-of-3.ledger") or self.exists("all.h5"), "shard 1 does not begin")
        self.slurm("scontrol", "requeue", f"{int(job) - 3}_1", check=False)
        self.wait(lambda: self.exists("all.h5"), "no output", f"{int(job) - 3},{job}")
        self.check("all.h5", expected)

    def test_a_shard_that_cannot(self):
        """The others end, and what is missing is said."""
        os.makedirs(os.path.join(self.work, "cannot.h5.partial/shard-1-of-3.lock"))
        job = self.submit(3, "cannot.h5", "--cpus-per-task=1")
        self.wait(lambda: "missing: 1" in self.log("cannot.h5", "check"), "the check does not say what is missing", job)
        self.assertFalse(self.exists("cannot.h5"))

    def test_a_task_that_is_asked_to_stop_goes_on(self):
        job = self.submit(3, "asked.h5", "--cpus-per-task=1")
        ledger = "asked.h5.partial/shard-1-of-3.ledger"
        self.wait(lambda: self.exists(ledger) or self.exists("asked.h5"), "shard 1 does not begin")
        self.slurm("scancel", "--signal=USR1", "--batch", f"{job}_1", check=False)
        self.wait(lambda: self.exists("asked.h5"), "no output", job)
        self.check("asked.h5")

    def test_a_task_that_is_queued_again_goes_on(self):
        job = self.submit(3, "requeued.h5", "--cpus-per-task=1")
        self.wait(lambda: self.exists("requeued.h5.partial/shard-2-of-3.ledger") or self.exists("requeued.h5"), "no shard 2")
        # As Slurm does when it needs the node for somebody else.
        self.slurm("scontrol", "requeue", f"{job}_2", check=False)
        self.wait(lambda: self.exists("requeued.h5"), "no output", job)
        self.check("requeued.h5")

    def test_a_shard_is_submitted_again_alone(self):
        job = self.submit(3, "alone.h5", "--cpus-per-task=1", "--array=0,2")
        self.wait(lambda: not self.slurm("squeue", "-h", "-j", job, check=False).strip(), "shards 0 and 2 do not end", job)
        self.assertFalse(self.exists("alone.h5"))
        self.assertIn("missing: 1", self.run_program("inspect", "alone.h5.partial"))
        job = self.submit(3, "alone.h5", "--cpus-per-task=1", "--array=1")
        self.wait(lambda: self.exists("alone.h5"), "no output", job)
        self.check("alone.h5")

    def test_two_jobs_at_once(self):
        jobs = [self.submit(2, name, "--cpus-per-task=1") for name in ("one.h5", "other.h5")]
        for job, name in zip(jobs, ("one.h5", "other.h5")):
            self.wait(lambda: self.exists(name), "no output", job)
            self.check(name)

    def test_a_node_that_fails(self):
        job = self.submit(4, "node.h5", "--cpus-per-task=1")
        self.wait(lambda: self.exists("node.h5.partial/job.json") or self.exists("node.h5"), "nothing begins")
        self.slurm("scontrol", "update", "nodename=node1", "state=down", "reason=test", check=False)
        self.wait(lambda: self.exists("node.h5"), "no output", job)
        self.slurm("scontrol", "update", "nodename=node1", "state=resume", check=False)
        self.check("node.h5")

    def test_one_step_of_srun(self):
        self.slurm(
            "srun", "--ntasks=2", "--cpus-per-task=1", PROGRAM, "run", *self.options, "--batch-size", "8",
            "--out", "step.h5", "--shard", "auto")
        self.check("step.h5")

    def test_what_is_missing_is_said(self):
        for arguments, message in (
            (["0", "--", "--out", "o.h5"], "tools/slurm/bn-stream-array SHARDS"), (["2", "--"], "--out is missing")):
            result = subprocess.run(
                [os.path.join(TOOLS, "bn-stream-array"), *arguments], env=self.environment, capture_output=True, text=True)
            self.assertEqual(result.returncode, 64)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
