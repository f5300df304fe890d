"""What bn-stream draws on a terminal while it works: on pseudo-terminals of several widths, on dumb ones, without colours, and in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unicodedata
import unittest
from collections.abc import Callable

from support import need, program

h5py = need("h5py")

PROGRAM = program()
if not PROGRAM:
    raise unittest.SkipTest("no bn-stream is built, and $BN_STREAM names none")

#: So many layers of 1 GiB, which were never written: they take some tenths of a second on any machine.
LAYERS = 16
LAYER = "encoder/stage{:02}/a-block-with-a-very-long-name/层/norm"
CLEAR = "\r\x1b[K"


def columns_of(text: str) -> int:
    """How many columns a text takes, by Python's tables of Unicode."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def screen(printed: str, columns: int) -> list[str]:
    """The lines that a terminal shows in the end: one that breaks lines at its width, and knows CR, LF, EL and colours."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", re.sub("\r+\n", "\n", printed)):
        if part == "\n":
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not part.startswith("\x1b"):
            if columns_of(lines[-1][:column]) + columns_of(part) > columns:
                lines.append("")
                column = 0
            lines[-1] = lines[-1][:column] + part
            column += 1
    return lines


def processor_time(process: int) -> float:
    """Seconds that a process has worked, all its threads together."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slowly(process: subprocess.Popen) -> None:
    """Lets the process that works rest again and again, so that there is something to show of a run on a machine of any speed."""

    def rest() -> None:
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        with contextlib.suppress(OSError):
            while not children.read_text().split():
                time.sleep(0.001)
            worker = int(children.read_text().split()[0])
            work = 0.04
            while process.poll() is None:
                # By the processor's time, not the clock's: on a loaded machine the worker gets little of it, or this thread wakes up late.
                end = processor_time(worker) + work
                while process.poll() is None and processor_time(worker) < end:
                    time.sleep(0.005)
                os.kill(worker, signal.SIGSTOP)
                time.sleep(1.2)
                os.kill(worker, signal.SIGCONT)
                # Never more than a quarter of the work at once, however much there is.
                work *= 1.3

    threading.Thread(target=rest, daemon=True).start()


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="bn-stream-terminal-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        # The longer one is to be stopped in the middle, with enough left to do when the signal comes.
        for name, layers in ("long.h5", LAYERS), ("longer.h5", 3 * LAYERS):
            with h5py.File(cls.folder / name, "w") as file:
                for number in range(layers):
                    file.create_dataset(f"{LAYER.format(number)}/activations", (1 << 18, 1024), dtype="f4")
        (cls.folder / "means.json").write_text(json.dumps({"outputs": ["population"]}))
        cls.missing = [str(PROGRAM), "--in", "missing.h5", "--out", "out.h5"]
        cls.command = [str(PROGRAM), "--in", "long.h5", "--out", "out.h5", "--force", "--config", "means.json"]

    def on_terminal(self, columns: int, command: list[str] | None = None, frame: Callable[[int, list[str], subprocess.Popen], None] | None = None,
                    **environment: str) -> tuple[int, str]:
        """The exit code, and all that is printed on a terminal of that width; `frame` is told of the terminal, the frames so far and the process."""
        ours, its = pty.openpty()
        resize(its, columns)
        clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "COLUMNS")}
        process = subprocess.Popen(command or self.command, cwd=self.folder, stdin=its, stdout=its, stderr=its,
                                   env=clean | {"TERM": "xterm-256color"} | environment)
        os.close(its)
        if command != self.missing:
            slowly(process)
        printed = b""
        while True:
            try:
                more = os.read(ours, 1 << 16)
            except OSError:
                break
            if not more:
                break
            printed += more
            if frame:
                frame(ours, printed.decode(errors="replace").split(CLEAR)[1:], process)
        os.close(ours)
        return process.wait(timeout=60), printed.decode()

    def check_frames(self, frames: list[str], columns: int) -> None:
        shares = []
        for frame in frames:
            self.assertLess(columns_of(frame), columns, frame)
            match = re.match(r" *(\d+) %", frame)
            self.assertTrue(match, frame)
            shares.append(int(match[1]))
        self.assertEqual(shares, sorted(shares))
        self.assertLess(shares[0], 100)

    def test_one_line_that_fits(self) -> None:
        for columns in 40, 60, 80, 200:
            with self.subTest(columns):
                code, printed = self.on_terminal(columns)
                self.assertEqual(code, 0, printed)
                frames = [frame for frame in printed.split(CLEAR)[1:-1] if frame]
                self.assertGreater(len(frames), 1)
                self.check_frames(frames, columns)
                # A machine that does much else shows a line before the first layer has begun.
                begun = [frame for frame in frames[1:] if "waiting for the disk" not in frame and not re.match(r" *0 %", frame)]
                self.assertGreater(len(begun), 0)
                for frame in begun:
                    number = re.search(rf"(\d+)/{LAYERS} ", frame)
                    self.assertTrue(number, frame)
                    name = "/" + LAYER.format(int(number[1]) - 1)
                    shown = frame.split(number[0])[1]
                    self.assertTrue(name.endswith(shown.removeprefix("…")) and len(shown) >= 5, frame)
                    self.assertRegex(frame, r"\d+:\d\d left" if columns < 60 else "left")
                    if columns >= 60:
                        self.assertRegex(frame, r"\d\.\d\d GB/s  ")
                        self.assertRegex(frame, r"(reading|decoding|computing|encoding|writing) \d+ %")
                    if columns == 200:
                        self.assertTrue(frame.endswith(f"  {number[0]}{name}"), frame)
                self.check_result(screen(printed, columns), columns)

    def check_result(self, shown: list[str], columns: int) -> None:
        """What stays: a table with columns that stand below each other, then sentences; no line is longer than the terminal is wide."""
        names = ["/" + LAYER.format(number) for number in range(LAYERS)]
        self.assertEqual([line for line in shown if re.match(r" *\d+ %  ", line)], [])
        self.assertIn("of memory", " ".join(line.strip() for line in shown))
        places = [next(place for place, line in enumerate(shown) if (line + shown[place + 1]).startswith(name)) for name in names]
        if columns == 200:
            self.assertEqual(places, list(range(1, LAYERS + 1)))
            rows = [line.removeprefix(name) for line, name in zip(shown[1:], names, strict=False)]
            self.assertTrue(shown[0].startswith("layer  "))
        else:
            # A long name has a line of its own, or two, and its row is below.
            self.assertEqual(shown[0], "layer")
            rows = [next(line for line in shown[place + 1:] if line.startswith("  [")) for place in places]
        self.assertEqual(len(set(rows)), 1, rows)
        self.assertIn("[262144, 1024]  " if columns == 40 else "[262144, 1024]  float32  1024 × 256  forward only  0 B", rows[0])
        header = shown[0].removeprefix("layer") if columns == 200 else shown[1]
        self.assertEqual(header.index("shape") if columns < 200 else columns_of("layer" + header[:header.index("shape")]),
                         rows[0].index("[") if columns < 200 else columns_of(names[0] + rows[0][:rows[0].index("[")]))
        self.assertEqual(header.split()[-1], "wrote")

    def test_the_width_may_change(self) -> None:
        changed = []

        def narrow(terminal: int, frames: list[str], _: object) -> None:
            if len(frames) >= 2 and not changed:
                changed.append(len(frames))
                resize(terminal, 40)

        code, printed = self.on_terminal(200, frame=narrow)
        self.assertEqual(code, 0)
        frames = printed.split(CLEAR)[1:-1]
        self.assertTrue(changed)
        # The program may have been drawing one as the width changed.
        self.check_frames([frame for frame in frames[:changed[0]] if frame], 200)
        later = [frame for frame in frames[changed[0] + 1:] if frame]
        self.assertGreater(len(later), 0)
        self.check_frames(later, 40)

    def test_dumb_terminals_and_pipes_get_lines(self) -> None:
        always = [*self.command, "--progress", "always"]
        code, printed = self.on_terminal(80, always, TERM="dumb")
        process = subprocess.Popen(always, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"TERM": "xterm"})
        slowly(process)
        piped = subprocess.CompletedProcess(always, 0, *process.communicate())
        piped.returncode = process.returncode
        self.assertEqual((code, piped.returncode), (0, 0))
        # A terminal adds a carriage return to each new line.
        for text in printed.replace("\r\n", "\n"), piped.stderr, piped.stdout:
            self.assertNotRegex(text, "[\r\x1b]")
        # All of it, whatever the width.
        for line in [line for line in piped.stderr.splitlines() if " left" in line]:
            self.assertRegex(line, rf"^ *\d+ %  \d+\.\d\d GB/s  .* left  \w+ \d+ %  \d+/{LAYERS} /encoder/\S+$")
        self.assertRegex(piped.stderr, r"^ *\d+ %  \d+\.\d\d GB/s")
        # Unasked, nothing is said of a job that takes less than half a minute.
        begin = time.monotonic()
        piped = subprocess.run(self.command, cwd=self.folder, capture_output=True, text=True)
        if time.monotonic() - begin < 25:
            self.assertEqual(piped.stderr, "")
        # One line of the table for each layer, of any length.
        self.assertIn(f"/{LAYER.format(0)}  [262144, 1024]  float32  1024 × 256  forward only", piped.stdout)

    def test_colours(self) -> None:
        missing = self.missing
        for environment, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
            code, printed = self.on_terminal(80, missing, **environment)
            self.assertEqual(code, 66)
            self.assertEqual("\x1b[1;31mbn-stream:\x1b[0m missing.h5: " in printed, is_coloured, printed)
            if not is_coloured:
                self.assertNotIn("\x1b", printed)
        piped = subprocess.run(missing, cwd=self.folder, capture_output=True, text=True)
        self.assertNotIn("\x1b", piped.stderr)
        # A line that is drawn anew has no colours, and may be drawn without them.
        code, printed = self.on_terminal(80, NO_COLOR="1")
        self.assertEqual(set(re.findall(r"\x1b\[[^A-Za-z]*[A-Za-z]", printed)), {"\x1b[K"})

    def test_goes_on_from_what_was_finished(self) -> None:
        command = [str(PROGRAM), "--in", "longer.h5", "--out", "out.h5", "--config", "means.json"]
        (self.folder / "out.h5").unlink(missing_ok=True)

        def stop(_: object, frames: list[str], process: subprocess.Popen) -> None:
            # No rest is more than a quarter of the work away from the one before.
            if frames and re.match(r" *[3-8]\d %", frames[-1]):
                process.send_signal(signal.SIGINT)

        self.assertEqual(self.on_terminal(120, command, stop, BN_STREAM_RECORD_SECONDS="0")[0], 75)
        code, printed = self.on_terminal(120, command)
        self.assertEqual(code, 0, printed)
        finished = re.search(r"notice: .*?(\d+) %", printed)
        self.assertTrue(finished, printed)
        self.assertGreater(int(finished[1]), 20)
        # Until that is known, what is there is compared.
        frames = [frame for frame in printed.split("notice: ")[1].split(CLEAR)[1:] if re.match(r" *\d+ %", frame)]
        self.assertGreaterEqual(int(frames[0].split("%")[0]), int(finished[1]))

    def test_what_is_said_meanwhile_has_a_line_of_its_own(self) -> None:
        code, printed = self.on_terminal(120, [*self.command, "--verbose"])
        self.assertEqual(code, 0)
        said = [line for line in screen(printed, 120) if "debug: " in line]
        self.assertEqual(len(said), LAYERS)
        self.assertEqual([line for line in said if not line.startswith("debug: /encoder")], [])


def resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


if __name__ == "__main__":
    unittest.main()
