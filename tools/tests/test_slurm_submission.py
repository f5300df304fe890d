"""What the scripts for Slurm submit and say, where `sbatch` and bn-stream are stand-ins that write down what they are called with."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from support import ROOT, FolderTestCase

TOOLS = ROOT / "tools" / "slurm"

#: Appends its name and arguments to the file `calls`; sbatch says the numbers 1, 2, ..., and the program what the files here hold.
STAND_IN = f"""#!{sys.executable}
import json, os, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
with open("calls", "a") as file:
    print(json.dumps([name, *arguments]), file=file)
with open("calls") as file:
    number = sum(json.loads(line)[0] == "sbatch" for line in file)
if name == "sbatch":
    print(number)
elif arguments[0] == "run":
    print(open("plan").read())
else:
    print(open(arguments[1]).read())
"""


@unittest.skipIf(not shutil.which("bash"), "no bash")
class SubmissionTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("sbatch", "bn-stream"):
            path = self.folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(STAND_IN)
            path.chmod(0o755)
        self.program = str(self.folder / "bin" / "bn-stream")
        self.environment = {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run_script(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([TOOLS / name, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def submit(self, *arguments: str, turns: int = 1) -> tuple[str, list[str], list[list[str]]]:
        """The number that is printed, with what the program planned, and the jobs that were submitted."""
        (self.folder / "plan").write_text(json.dumps({"shards": 4, "turns": turns}, indent=2))
        (self.folder / "calls").unlink(missing_ok=True)
        done = self.run_script("bn-stream-array", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        plan, *jobs = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return done.stdout.strip(), plan, jobs

    def test_an_output_with_the_sign(self) -> None:
        options = ["--in", "acts 1.h5", "--out=grads.h5"]
        number, plan, (array, check) = self.submit("4", "--mem=8G", "--", *options)
        self.assertEqual((number, plan), ("1", ["bn-stream", "run", *options, "--shard", "0/4", "--dry-run", "--json"]))
        self.assertEqual(array[-8:], [str(TOOLS / "shard-of-array"), "1", "4", "grads.h5", self.program, *options])
        self.assertLess(array.index("--array=0-3"), array.index("--mem=8G"))
        self.assertIn("--output=grads.h5.logs/%a.log", array)
        self.assertEqual(check[-4:], ["--dependency=afterany:1", str(TOOLS / "check-of-array"), "grads.h5", self.program])
        self.assertTrue((self.folder / "grads.h5.logs").is_dir())

    def test_two_turns_are_two_arrays(self) -> None:
        number, _, (first, second, check) = self.submit("4", "--", "--out", "grads.h5", turns=2)
        self.assertEqual((number, first[-6:-4], second[-6:-4]), ("2", ["1", "4"], ["2", "4"]))
        self.assertFalse([word for word in first if word.startswith("--dependency")])
        self.assertIn("--dependency=afterany:1", second)
        self.assertIn("--dependency=afterany:2", check)

    def test_shards_that_are_submitted_alone_are_not_checked(self) -> None:
        for alone in (["--array=3"], ["--array", "3"], ["-a", "3"], ["-a3"]):
            with self.subTest(alone):
                _, _, jobs = self.submit("4", "--time=1", *alone, "--", "--out", "grads.h5")
                self.assertEqual(len(jobs), 1)
                # The last of two is what sbatch takes.
                self.assertLess(jobs[0].index("--array=0-3"), jobs[0].index(alone[0]))
        self.assertEqual(len(self.submit("4", "-A", "account", "--", "--out", "grads.h5")[2]), 2)

    def test_what_the_check_says(self) -> None:
        logs = "logs of the tasks: grads.h5.logs\n"
        done = self.run_script("check-of-array", "grads.h5", self.program)
        self.assertEqual((done.returncode, done.stdout), (1, f"there is no grads.h5, and no unfinished one\n{logs}"))
        (self.folder / "grads.h5.partial").write_text("missing: 1")
        done = self.run_script("check-of-array", "grads.h5", self.program)
        self.assertEqual((done.returncode, done.stdout), (1, f"missing: 1\n{logs}"))
        (self.folder / "grads.h5").touch()
        done = self.run_script("check-of-array", "grads.h5", self.program)
        self.assertEqual((done.returncode, done.stdout), (0, "grads.h5 is complete\n"))


if __name__ == "__main__":
    unittest.main()
