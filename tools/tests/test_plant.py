"""tools/plant: its catalogue, how flaws get into the copy, and how tests are asked."""

import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import subprocess
import textwrap
import threading
import time
import unittest
from unittest import mock

import plant_copy
import plant_tests
from plant_catalogue import CatalogueError, Flaw, fitting, read, rewritten
from plant_parsing import parsing_errors
from support import FolderTestCase

ROOT = pathlib.Path(__file__).resolve().parents[2]


def flaw(number: int, original: str, flawed: str, kind: str = "expression", file: str = "Sources/Sums/Sum.swift", **more: str) -> Flaw:
    return Flaw(number, more.pop("name", f"flaw-{number}"), "is wrong", file, original, flawed, kind, **more)


class CatalogueTests(FolderTestCase):
    def test_the_catalogue_fits_the_sources(self) -> None:
        flaws = fitting(read(ROOT / "tools/plants"), ROOT)
        self.assertGreaterEqual(len(flaws), 60)
        floors = {path.name for path in (ROOT / "Sources").iterdir()} - {"CDeflate", "CHDF5", "CProcessor", "CChecksum", "WideKernels"}
        self.assertEqual({flaw.floor for flaw in flaws}, floors)

    def test_the_sources_can_be_read_with_all_flaws_in_them(self) -> None:
        """An expression that begins or ends in the middle of another is no expression: found here, not after a long build."""
        self.assertEqual(parsing_errors(self.folder, read(ROOT / "tools/plants")), [])

    def test_an_entry_becomes_a_flaw(self) -> None:
        (self.folder / "a.toml").write_text(textwrap.dedent('''\
            [off-by-one]
            what = "one too many"
            file = "Sources/Sums/Sum.swift"
            from = """
            count < limit"""
            to = "count <= limit"
            tests = "SumTests"
            '''))
        (self.folder / "b.toml").write_text('[no-sum]\nwhat = "w"\nfile = "Sources/B/B.c"\nkind = "statement"\nfrom = "a += b;"\nto = ""\n')
        first, second = read(self.folder)
        self.assertEqual((first.number, first.name, first.floor, first.tests), (1, "off-by-one", "Sums", "SumTests"))
        self.assertEqual(first.planted, "(planted_flaw(1) ? (count <= limit) : (count < limit))")
        self.assertEqual((second.number, second.planted), (2, "if planted_flaw(2) {  } else { a += b; }"))

    def test_mistakes_in_the_catalogue_are_named(self) -> None:
        entry = 'what = "w"\nfile = "Sources/A/A.swift"\n'
        (self.folder / "a.toml").write_text(
            f'[a]\n{entry}from = "x"\nto = "x"\n[b]\n{entry}from = "x"\nto = "PLANTED"\n[c]\n{entry}from = "x"\nto = "y"\nkind = "text"\n'
            f'[d]\n{entry}from = "x"\nto = "y"\nkind = "word"\n[e]\n{entry}to = "y"\n')
        (self.folder / "b.toml").write_text(f'[d]\n{entry}from = "x"\nto = "y"\n')
        (self.folder / "c.toml").write_text("[d\n")
        with self.assertRaises(CatalogueError) as caught:
            read(self.folder)
        problems = "\n".join(caught.exception.problems)
        for words in ["e has [] too much and lacks ['from']", "c.toml: ", "d stands twice", "d: there is no kind word",
                      "b: a text has PLANTED", "c: a text has PLANTED", "a changes nothing"]:
            self.assertIn(words, problems)

    def test_a_text_that_is_gone_or_there_twice_does_not_fit(self) -> None:
        (self.folder / "Sources/Sums").mkdir(parents=True)
        (self.folder / "Sources/Sums/Sum.swift").write_text("let a = b + c\nlet d = b - c\nlet e = b\n")
        self.assertEqual(len(fitting([flaw(1, "b + c", "b"), flaw(2, "b - c", "b")], self.folder)), 2)
        with self.assertRaises(CatalogueError) as caught:
            fitting([flaw(1, "b * c", "b"), flaw(2, "b", "c"), flaw(3, "x", "y", file="Sources/Sums/Gone.swift"),
                     flaw(4, "a = b + c", "d"), flaw(5, "b + c", "d")], self.folder)
        self.assertEqual(
            [problem.partition("; ")[0] for problem in caught.exception.problems],
            ["flaw-1 does not fit Sources/Sums/Sum.swift: its text stands there 0 times, and must once",
             "flaw-2 does not fit Sources/Sums/Sum.swift: its text stands there 3 times, and must once",
             "flaw-3 does not fit Sources/Sums/Gone.swift: there is no such file",
             "flaw-5 and flaw-4 are about the same text of Sources/Sums/Sum.swift"])


class CopyTests(FolderTestCase):
    def test_every_flaw_of_a_file_stands_beside_what_it_spoils(self) -> None:
        text = "func f(a: Int) -> Int {\n  total += a\n  return a + 1\n}\n"
        flaws = [flaw(7, "a + 1", "a - 1"), flaw(3, "total += a", "", "statement"),
                 flaw(9, "func f(a: Int)", "func f(a: Int, b: Bool = PLANTED)", "text")]
        self.assertEqual(
            rewritten(text, flaws),
            "import CPlantedFlaw\nfunc f(a: Int, b: Bool = planted_flaw(9)) -> Int {\n  if planted_flaw(3) {  } else { total += a }\n"
            "  return (planted_flaw(7) ? (a - 1) : (a + 1))\n}\n")

    def test_the_environment_chooses_when_the_program_begins(self) -> None:
        compiler = shutil.which("cc") or shutil.which("clang")
        if compiler is None:
            self.skipTest("no C compiler")
        (self.folder / "CPlantedFlaw.h").write_text(plant_copy.HEADER)
        (self.folder / "planted.c").write_text(plant_copy.SOURCE)
        main = rewritten("#include <stdio.h>\nint main(void) { return 1 + 1; }\n", [flaw(2, "1 + 1", "1 - 1", file="Sources/C/main.c")])
        (self.folder / "main.c").write_text(main)
        program = str(self.folder / "program")
        subprocess.run([compiler, "-o", program, "main.c", "planted.c"], cwd=self.folder, check=True)
        chosen = {number: subprocess.run([program], env=plant_copy.environment(number and flaw(number, "", ""))).returncode
                  for number in (None, 1, 2)}
        self.assertEqual(chosen, {None: 2, 1: 2, 2: 0})

    def test_the_copy_follows_the_project(self) -> None:
        project, copy = self.folder / "project", plant_copy.Copy(self.folder / "project", self.folder / "plant")
        for part in plant_copy.PARTS:
            if "." in part.lstrip(".") or part in (".swift-format", "LICENSE"):
                project.mkdir(exist_ok=True)
                (project / part).write_text("")
        (project / "Sources/Sums").mkdir(parents=True)
        for name, text in {"Package.swift": "// manifest\n", "Sources/Sums/Sum.swift": "a + b\n", "Sources/Sums/Old.swift": "old\n"}.items():
            (project / name).write_text(text)
        copy.write([flaw(1, "a + b", "a")])
        sum_file = copy.package / "Sources/Sums/Sum.swift"
        self.assertEqual(sum_file.read_text(), "import CPlantedFlaw\n(planted_flaw(1) ? (a) : (a + b))\n")
        self.assertTrue((copy.package / "Package.swift").read_text().startswith("// manifest\n"))
        self.assertEqual((project / "Sources/Sums/Sum.swift").read_text(), "a + b\n", "the project itself has no flaw")
        before = sum_file.stat().st_mtime_ns
        (project / "Sources/Sums/Old.swift").unlink()
        copy.write([flaw(1, "a + b", "a")])
        self.assertFalse((copy.package / "Sources/Sums/Old.swift").exists())
        self.assertEqual(sum_file.stat().st_mtime_ns, before, "what did not change is not built again")


    def test_what_contains_bodies_of_another_module_is_built_again_with_it(self) -> None:
        project, copy = self.folder / "project", plant_copy.Copy(self.folder / "project", self.folder / "plant")
        for name, text in {"Package.swift": "// manifest\n", "Sources/Arithmetic/Sum.swift": "a + b\n", "Sources/BatchNorm/Mean.swift": "mean\n",
                           "Sources/Jobs/Job.swift": "job\n"}.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        with mock.patch.object(plant_copy, "PARTS", ("Sources",)):
            copy.write([])
            for file in copy.package.rglob("*.swift"):
                os.utime(file, (1, 1))
            copy.write([])
            self.assertEqual((copy.package / "Sources/BatchNorm/Mean.swift").stat().st_mtime, 1)
            (project / "Sources/Arithmetic/Sum.swift").write_text("a - b\n")
            copy.write([])
        self.assertGreater((copy.package / "Sources/BatchNorm/Mean.swift").stat().st_mtime, 1)
        self.assertEqual((copy.package / "Sources/Jobs/Job.swift").stat().st_mtime, 1)


class FakeCopy:
    """Tests that are a shell's: `near` and `far` are what the floor's tests and the others do, `one` what a single test does."""

    passes = 'echo "✔ Test run with 3 tests in 1 suite passed after 0.1 seconds."'

    def __init__(self, folder: pathlib.Path, near: str = "", far: str = "", one: str = ""):
        self.package = folder
        self.log = folder / "log"
        self.scripts = {"near": near or self.passes, "far": far or self.passes, "one": one or self.passes}

    def tests(self, events: pathlib.Path, *which: str) -> list[str]:
        name = "far" if "--filter" not in which else "one" if which[1].startswith("^") else "near"
        return ["sh", "-c", f'echo {name} ${{BN_STREAM_PLANT:-none}} >> {self.log}; EVENTS={events}; {self.scripts[name]}']

    @property
    def runs(self) -> list[str]:
        return self.log.read_text().splitlines()


class SuiteTests(FolderTestCase):
    failure = "echo '✘ Test \"sums are right\" recorded an issue at Sum.swift:3:5'; sleep 60"
    event = """echo '{"kind":"event","payload":{"kind":"issueRecorded","testID":"A.Sums/areRight(of:)/Sum.swift:3:5"}}' > $EVENTS; """
    fails = f'if [ -n "$BN_STREAM_PLANT" ]; then {failure}; fi; '
    fails_with_event = f'if [ -n "$BN_STREAM_PLANT" ]; then {event}{failure}; fi; '
    spoilt = flaw(5, "a", "b", file="Sources/Arithmetic/Sum.swift")

    def test_the_floors_own_tests_are_asked_first_and_the_first_failure_will_do(self) -> None:
        copy = FakeCopy(self.folder, near=self.fails + FakeCopy.passes)
        suite = plant_tests.Suite(copy)
        self.assertEqual(suite.notices(self.spoilt), '"sums are right" fails')
        self.assertEqual(suite.notices(self.spoilt), '"sums are right" fails')
        self.assertEqual(copy.runs, ["near 5", "near none", "near 5"], "without a flaw once is enough")

    def test_the_test_that_failed_alone_is_asked_without_the_flaw(self) -> None:
        copy = FakeCopy(self.folder, near=self.fails_with_event + FakeCopy.passes)
        self.assertEqual(plant_tests.Suite(copy).notices(self.spoilt), '"sums are right" fails')
        self.assertEqual(copy.runs, ["near 5", "one none"])

    def test_a_test_is_chosen_by_what_stands_before_its_place(self) -> None:
        events = self.folder / "events"
        self.assertIsNone(plant_tests.failed_test(events))
        subprocess.run(["sh", "-c", f"EVENTS={events}; {self.event}"], check=True)
        chosen = plant_tests.failed_test(events)
        self.assertRegex("A.Sums/areRight(of:)", chosen)
        for other in ["AxSums/areRight(of:)", "A.Sums/areRight(of:)More", "A.Sums", "BA.Sums/areRight(of:)"]:
            self.assertNotRegex(other, chosen)

    def test_the_others_are_asked_if_those_see_nothing(self) -> None:
        copy = FakeCopy(self.folder, far=self.fails_with_event + FakeCopy.passes)
        self.assertEqual(plant_tests.Suite(copy).notices(self.spoilt), '"sums are right" fails')
        self.assertEqual(copy.runs, ["near 5", "far 5", "one none"])

    def test_a_flaw_that_nothing_notices_is_missed(self) -> None:
        copy = FakeCopy(self.folder)
        self.assertIsNone(plant_tests.Suite(copy).notices(self.spoilt))
        self.assertEqual(copy.runs, ["near 5", "far 5"])

    def test_a_crash_and_a_test_that_hangs_are_noticed(self) -> None:
        crash = 'if [ -n "$BN_STREAM_PLANT" ]; then echo "Fatal error: index out of range"; exit 132; fi; '
        self.assertIn("Fatal error: index", plant_tests.Suite(FakeCopy(self.folder, near=crash + FakeCopy.passes)).notices(self.spoilt))
        hang = 'if [ -n "$BN_STREAM_PLANT" ]; then sleep 60; fi; '
        with mock.patch.object(plant_tests, "NEAR_SECONDS", 0.5):
            noticed = plant_tests.Suite(FakeCopy(self.folder, near=hang + FakeCopy.passes)).notices(self.spoilt)
        self.assertRegex(noticed or "", "not finished after")

    def test_tests_that_are_slow_without_a_flaw_get_their_time(self) -> None:
        slow = FakeCopy(self.folder, near="sleep 0.7; " + FakeCopy.passes)
        with mock.patch.object(plant_tests, "NEAR_SECONDS", 0.4):
            self.assertIsNone(plant_tests.Suite(slow).notices(self.spoilt))
        self.assertEqual(slow.runs, ["near 5", "near none", "near 5", "far 5"])

    def test_all_other_tests_are_asked_until_the_deadline(self) -> None:
        copy = FakeCopy(self.folder, far="sleep 30")
        with self.assertRaises(plant_tests.NotJudged):
            plant_tests.Suite(copy).notices(self.spoilt, time.monotonic() + 0.5)
        self.assertEqual(copy.runs, ["near 5", "far 5"])
        copy = FakeCopy(self.folder)
        self.assertIsNone(plant_tests.Suite(copy).notices(self.spoilt, time.monotonic() + 60))
        copy = FakeCopy(self.folder, far=self.fails + FakeCopy.passes)
        self.assertIn("sums", plant_tests.Suite(copy).notices(self.spoilt, time.monotonic() + 60) or "")

    def test_tests_that_fail_without_a_flaw_or_do_not_run_judge_nothing(self) -> None:
        fails = "echo '✘ Test sums() failed after 0.1 seconds'; exit 1"
        for scripts in [{"near": fails}, {"near": f"{self.event}{fails}", "one": fails}, {"near": "sleep 0.1; exit 3"},
                        {"near": 'echo "✔ Test run with 0 tests in 0 suites passed after 0.1 seconds."'}]:
            with self.assertRaises(plant_tests.TestsFail):
                plant_tests.Suite(FakeCopy(self.folder, **scripts)).notices(self.spoilt)

    def test_what_tests_leave_goes_with_them(self) -> None:
        copy = FakeCopy(self.folder, near=f'echo $TMPDIR >> {self.folder}/places; touch $TMPDIR/left; ' + self.fails + FakeCopy.passes)
        plant_tests.Suite(copy).notices(self.spoilt)
        places = [pathlib.Path(line) for line in (self.folder / "places").read_text().splitlines()]
        self.assertEqual(len(set(places)), 2)
        self.assertFalse(any(place.exists() for place in places))


class CommandTests(unittest.TestCase):
    def setUp(self) -> None:
        loader = importlib.machinery.SourceFileLoader("plant_command", str(ROOT / "tools/plant"))
        self.command = importlib.util.module_from_spec(importlib.util.spec_from_loader("plant_command", loader))
        loader.exec_module(self.command)
        self.flaws = [flaw(1, "a", "b", file="Sources/A/A.swift"), flaw(2, "a", "b", file="Sources/B/B.swift"),
                      flaw(3, "a", "b", file="Sources/B/C.swift")]

    def chosen(self, *words: str) -> list[int]:
        with mock.patch("sys.argv", ["plant", *words]), mock.patch("builtins.print"):
            return [flaw.number for flaw in self.command.chosen(self.flaws, self.command.arguments())]

    def test_names_and_floors_choose(self) -> None:
        self.assertEqual(self.chosen(), [1, 2, 3])
        self.assertEqual(self.chosen("--only", "B"), [2, 3])
        self.assertEqual(self.chosen("--only", "flaw-3", "--only", "A"), [1, 3])
        with self.assertRaisesRegex(CatalogueError, "no flaw and no floor C"):
            self.chosen("--only", "C")

    def test_a_seed_gives_the_same_sample(self) -> None:
        orders = {tuple(self.chosen("--minutes", "1", "--seed", str(seed))) for seed in range(20)}
        self.assertGreater(len(orders), 1)
        self.assertEqual(self.chosen("--minutes", "1", "--seed", "4"), self.chosen("--minutes", "1", "--seed", "4"))

    def plant(self, suite, **more) -> tuple[list[str], list[str], list[str]]:
        with mock.patch("builtins.print"):
            kinds = self.command.plant(self.flaws, suite, more.get("deadline"), more.get("jobs", 2))
        caught, missed, unclear = (sorted(flaw.name for flaw in flaws) for flaws in kinds)
        return caught, missed, unclear

    def test_several_flaws_are_planted_at_a_time(self) -> None:
        both = threading.Barrier(2, timeout=60)

        def notices(flaw: Flaw, _: float | None) -> str | None:
            if flaw.number != 3:
                both.wait()
            return "a test fails" if flaw.number == 2 else None

        suite = mock.Mock(notices=mock.Mock(side_effect=notices))
        self.assertEqual(self.plant(suite), (["flaw-2"], ["flaw-1", "flaw-3"], []))
        self.assertEqual(suite.notices.call_count, 3)

    def test_when_the_time_is_over_no_other_flaw_is_begun(self) -> None:
        def notices(flaw: Flaw, _: float | None) -> str | None:
            time.sleep(0.3)
            return "a test fails"

        suite = mock.Mock(notices=mock.Mock(side_effect=notices))
        self.assertEqual(self.plant(suite, jobs=1, deadline=time.monotonic() + 0.2), (["flaw-1"], [], []))
        self.assertEqual(self.plant(suite, jobs=1, deadline=time.monotonic() - 1), ([], [], []))

    def test_what_cannot_be_judged_is_neither_caught_nor_missed(self) -> None:
        suite = mock.Mock(notices=mock.Mock(side_effect=[plant_tests.TestsFail("sums fail"), "a test fails", plant_tests.NotJudged("no time")]))
        self.assertEqual(self.plant(suite, jobs=1), (["flaw-2"], [], ["flaw-1", "flaw-3"]))

    def test_what_the_first_tests_do_not_decide_waits_for_all_others(self) -> None:
        asked: list[int] = []

        def notices(flaw: Flaw, _: float | None) -> str | None:
            asked.append(flaw.number)
            if flaw.number != 2 and asked.count(flaw.number) < flaw.number:
                raise plant_tests.NotYet("the nearest pass")
            return "a test fails" if flaw.number == 3 else None

        self.assertEqual(self.plant(mock.Mock(notices=notices), jobs=1), (["flaw-3"], ["flaw-1", "flaw-2"], []))
        self.assertEqual(asked, [1, 2, 3, 3, 3])
        asked.clear()
        self.assertEqual(self.plant(mock.Mock(notices=notices), jobs=3), (["flaw-3"], ["flaw-1", "flaw-2"], []))

    def test_what_waits_when_the_time_is_over_is_not_judged(self) -> None:
        def notices(flaw: Flaw, _: float | None) -> str | None:
            time.sleep(0.1)
            if flaw.number == 1:
                raise plant_tests.NotYet("the nearest pass")
            return None

        suite = mock.Mock(notices=notices)
        self.assertEqual(self.plant(suite, jobs=1, deadline=time.monotonic() + 0.35), ([], ["flaw-2", "flaw-3"], ["flaw-1"]))

    def test_the_share_of_each_floor_is_shown(self) -> None:
        self.assertEqual(
            self.command.table(self.flaws[:2], self.flaws[2:]).split("\n"),
            ["A                    1 of   1 caught", "B                    1 of   2 caught", "all                  2 of   3 caught"])


if __name__ == "__main__":
    unittest.main()
