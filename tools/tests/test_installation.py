"""What tools/install and tools/package install, with the program that was built last: pages, completions, packages, and their removal."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import manual
from support import ROOT, FolderTestCase, program

PROGRAM = program()
SAMPLE = ROOT / "tools/samples/digits.h5"

if not PROGRAM:
    raise unittest.SkipTest("no bn-stream is built, and $BN_STREAM names none")


def call(*command: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)


def rendered(page: pathlib.Path) -> tuple[str, str]:
    """A manual page as a terminal shows it, without bold and underlines and with single spaces, and what groff warns of."""
    done = call("man", "--warnings=w", "-E", "UTF-8", "-Tutf8", "-l", page, env=os.environ | {"MANWIDTH": "120", "LC_ALL": "C.UTF-8"})
    text = re.sub("\x1b\\[[0-9;]*m", "", re.sub(".\x08", "", done.stdout))
    return " ".join(text.split()), done.stderr


@unittest.skipUnless(shutil.which("man"), "no man")
class ManualTest(FolderTestCase):
    def test_pages_say_what_help_says(self) -> None:
        pages = manual.pages(manual.described(str(PROGRAM)), "0.1.0", "2026-11-26")
        for name, page in pages.items():
            (self.folder / name).write_text(page)
        help_text = call(PROGRAM, "--help").stdout
        commands = re.findall(r"^  ([a-z]+)(?: \(default\))?  ", help_text.split("SUBCOMMANDS:")[1], re.MULTILINE)
        self.assertIn("run", commands)
        self.assertEqual(set(pages), {"bn-stream.1"} | {f"bn-stream-{command}.1" for command in commands})
        for command in commands:
            with self.subTest(command):
                text, warnings = rendered(self.folder / f"bn-stream-{command}.1")
                self.assertEqual(warnings, "")
                # The help is set by the argument parser, in lines of its own.
                help_of_command = call(PROGRAM, "help", command, env=os.environ | {"COLUMNS": "200"}).stdout
                options, meanings = self.options(help_of_command)
                self.assertGreater(len(options), 4)
                for option, meaning in zip(options, meanings, strict=True):
                    self.assertIn(option, text)
                    self.assertIn(meaning, text)
                if "WHAT TO COMPUTE:" in help_of_command:
                    own, shared = text.split(" What to compute ")
                    for option in self.options("USAGE:" + help_of_command.split("WHAT TO COMPUTE:")[1].split("\n\n")[0])[0]:
                        self.assertIn(option, shared)
                        self.assertNotIn(option, own.split(" OPTIONS ")[1])
                for page in re.findall(r"(bn-stream[a-z-]*)\(1\)", text):
                    self.assertIn(f"{page}.1", pages)
        text, warnings = rendered(self.folder / "bn-stream.1")
        self.assertEqual(warnings, "")
        codes = re.findall(r"[:,;]\s(\d+) ", next(part for part in help_text.split("\n\n") if part.startswith("Exit codes")))
        self.assertGreater(len(codes), 8)
        for code in codes:
            # An entry of a list, not words of a paragraph.
            self.assertRegex(pages["bn-stream.1"], rf"\.TP\n\\fB{code}\\fR\n\w")
        # A hyphen that is not escaped is another character on some systems, and is not found as it is typed.
        for name, page in pages.items():
            self.assertEqual(re.findall(r"^(?!\.TH).*(?<!\\)-.*$", page, re.MULTILINE)[1:], [], name)

    def options(self, help_text: str) -> tuple[list[str], list[str]]:
        """Of a help: the options as they are typed, and what is said of each."""
        entries: list[tuple[str, str]] = []
        for line in help_text.split("USAGE:")[1].splitlines():
            if match := re.match(r"  (?:-\w, )?(--[a-z-]+(?: <[^>]*>)?)(?:  +(.*))?$", line):
                entries.append((re.sub("[<>]", "", match[1]), match[2] or ""))
            elif entries and re.match(r" {20,}\S", line):
                entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}")
        # The parser names some defaults and values in its own words.
        meanings = [re.sub(r" ?\(values: [^()]*\)$", "", meaning).strip() for _, meaning in entries]
        return [option for option, _ in entries], [re.sub(r" \(default: [0-9.e-]+\)$", "", meaning) for meaning in meanings]

    def test_words_that_mean_something_to_groff(self) -> None:
        words = [".SH of a paragraph", "'quoted' at the begin", r"a \fB backslash\n", "-x --yes ^ ~ \"double\" `code` and ` alone"]
        command = {
            "commandName": "tool", "abstract": "Do it.", "defaultSubcommand": "go", "discussion": "\n\n".join(words), "arguments": [],
            "subcommands": [{"commandName": "go", "abstract": "Go.", "arguments": [
                {"kind": "option", "names": [{"kind": "long", "name": "way"}], "preferredName": {"kind": "long", "name": "way"},
                 "valueName": "a|b", "abstract": ".first \\ 'word'", "isOptional": True, "isRepeating": True, "shouldDisplay": True,
                 "defaultValue": "a"}]}]}
        pages = manual.pages(command, "1", "2026-01-02")
        path = self.folder / "page.1"
        path.write_text(pages["tool.1"])
        text, warnings = rendered(path)
        self.assertEqual(warnings, "")
        for word in words[:3] + ["-x --yes ^ ~ \"double\" `code` and ` alone"]:
            self.assertIn(word, text)
        path.write_text(pages["tool-go.1"])
        text, warnings = rendered(path)
        self.assertEqual(warnings, "")
        self.assertIn("tool go [--way a|b]...", text)
        self.assertIn(".first \\ 'word' The default is a.", text)


class InstallTest(FolderTestCase):
    def install(self, prefix: pathlib.Path, *more: object) -> subprocess.CompletedProcess[str]:
        return call(ROOT / "tools/install", "--prefix", prefix, *more)

    def test_installs_works_and_is_removed(self) -> None:
        prefix = self.folder / "prefix"
        done = self.install(prefix, "--program", PROGRAM)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"libhdf5\S*\.so\S* +\S+ +/")
        installed = prefix / "bin/bn-stream"
        for target, path in (installed, "installed.h5"), (PROGRAM, "built.h5"):
            self.assertEqual(call(target, "--in", SAMPLE, "--out", self.folder / path, "--quiet").returncode, 0)
        self.assertEqual((self.folder / "installed.h5").read_bytes(), (self.folder / "built.h5").read_bytes())
        # What the list names is there, and nothing else is.
        there = sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file())
        listed = (prefix / "share/doc/bn-stream/installed.txt").read_text().splitlines()
        self.assertEqual(there, listed)
        self.assertIn("share/man/man1/bn-stream-run.1", listed)
        self.assertTrue(os.access(prefix / "share/bn-stream/slurm/bn-stream-array", os.X_OK))

        # Another version had a page that this one has not; a file of another program stays.
        old, foreign = prefix / "share/man/man1/bn-stream-old.1", prefix / "share/man/man1/other.1"
        for path in old, foreign:
            path.write_text("")
        with open(prefix / "share/doc/bn-stream/installed.txt", "a") as file:
            file.write("share/man/man1/bn-stream-old.1\n")
        self.assertEqual(self.install(prefix, "--program", PROGRAM).returncode, 0)
        self.assertEqual((old.exists(), foreign.exists()), (False, True))
        self.assertEqual(self.install(prefix, "--remove").returncode, 0)
        self.assertEqual([path for path in prefix.rglob("*") if path.is_file()], [foreign])
        again = self.install(prefix, "--remove")
        self.assertEqual(again.returncode, 1)
        self.assertIn("nothing was installed there", again.stderr)

    def test_refuses_in_one_line(self) -> None:
        file = self.folder / "file"
        file.write_text("")
        for arguments, words in (
            (["--prefix", file / "below", "--program", PROGRAM], f"{file} is no folder"),
            (["--prefix", self.folder / "x", "--program", file], f"{file} cannot be started"),
            (["--prefix", self.folder / "x", "--program", self.folder / "missing"], "missing cannot be started"),
        ):
            done = call(ROOT / "tools/install", *arguments)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(words, done.stderr)
        self.assertFalse((self.folder / "x").exists())


class CompletionTest(FolderTestCase):
    """The scripts of the argument parser, as the shells themselves take them."""

    def script(self, shell: str) -> pathlib.Path:
        path = self.folder / f"bn-stream.{shell}"
        path.write_text(call(PROGRAM, "--generate-completion-script", shell).stdout)
        return path

    def test_bash(self) -> None:
        for words, expected in (("verify --again", {"--against"}), ("run --progress ", {"auto", "always", "never"}),
                                ("check --statistics r", {"running"}), ("explain bias", {"bias-drift"}),
                                ("insp", {"inspect"}), ("run --dry", {"--dry-run"})):
            typed = ["bn-stream", *words.split(" ")]
            done = call("bash", "--norc", "-c", f"""
                source {self.script("bash")}
                COMP_WORDS=({" ".join(f"'{word}'" for word in typed)}); COMP_CWORD={len(typed) - 1}
                COMP_LINE='bn-stream {words}'; COMP_POINT=${{#COMP_LINE}}
                _bn-stream bn-stream "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
                printf '%s\\n' "${{COMPREPLY[@]}}" """)
            self.assertEqual({word.strip() for word in done.stdout.splitlines()}, expected, done.stderr)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self) -> None:
        self.script("zsh").rename(self.folder / "_bn-stream")
        done = call("zsh", "-fc", f"fpath=({self.folder} $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[bn-stream]; zsh -n {self.folder}/_bn-stream")
        self.assertEqual((done.stdout.strip(), done.stderr), ("_bn-stream", ""))

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self) -> None:
        done = call("fish", "--no-config", "-c", f"source {self.script('fish')}; complete -C 'bn-stream verify --again'")
        self.assertEqual({line.split("\t")[0] for line in done.stdout.splitlines()}, {"--against"}, done.stderr)


def lacking() -> str | None:
    for name in "dpkg-deb", "dpkg-query", "cc", "objdump", "pkg-config":
        if not shutil.which(name):
            return f"no {name}"
    return None


@unittest.skipIf(lacking(), lacking() or "")
class PackageTest(FolderTestCase):
    """A build for release takes minutes. In its place stands a program that names the same libraries, and hands all over to the one that was built."""

    def setUp(self) -> None:
        super().setUp()
        self.environment = os.environ | {"DEBFULLNAME": "Some Body", "DEBEMAIL": "somebody@example.org", "LC_ALL": "C.UTF-8"}
        source = self.folder / "stand-in.c"
        source.write_text(f'#include <unistd.h>\nint main(int count, char **words) {{ execv({json.dumps(str(PROGRAM))}, words); return 70; }}\n')
        self.stand_in = self.folder / "stand-in"
        libraries = call("pkg-config", "--libs", "hdf5", "libdeflate").stdout.split()
        done = call("cc", source, "-o", self.stand_in, "-Wl,--no-as-needed", *libraries)
        self.assertEqual(done.returncode, 0, done.stderr)

    def package(self, name: str, program: pathlib.Path) -> subprocess.CompletedProcess[str]:
        return call(ROOT / "tools/package", "--program", program, "--out", self.folder / name, env=self.environment)

    def test_is_installed_and_removed(self) -> None:
        done = self.package("one", self.stand_in)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        package = pathlib.Path(done.stdout.strip())
        self.assertTrue(package.name.startswith("bn-stream_0.1.0") and package.name.endswith(".deb"), package)
        again = pathlib.Path(self.package("two", self.stand_in).stdout.strip())
        self.assertTrue(package.read_bytes() == again.read_bytes(), "two packages of one program differ")
        fields = dict(line.split(": ", 1) for line in call("dpkg-deb", "--field", package).stdout.splitlines() if not line.startswith(" "))
        depends = {entry.split(" ")[0] for entry in fields["Depends"].split(", ")}
        # What brings the libraries, by their files.
        for line in call("ldd", self.stand_in).stdout.splitlines():
            if match := re.match(r"\s*lib(hdf5|deflate|c\.)\S* => (\S+)", line):
                owners = [call("dpkg-query", "--search", f"{start}{match[2]}").stdout.split(":")[0] for start in ("", "/usr")]
                self.assertTrue(depends & set(owners), f"{match[2]} of {owners} is not in {depends}")
        self.assertEqual(fields["Maintainer"], "Some Body <somebody@example.org>")

        root = self.folder / "root"
        dpkg = ["dpkg", "--root", root, "--force-not-root", "--force-bad-path"]
        for folder in "info", "updates":
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        # A system that has just what this one has: dependencies must be met by it.
        shutil.copy("/var/lib/dpkg/status", root / "var/lib/dpkg/status")
        installed = call(*dpkg, "--install", package, env=self.environment)
        self.assertEqual(installed.returncode, 0, installed.stderr[-2000:])
        listed = [path for path in call(*dpkg, "--listfiles", "bn-stream").stdout.splitlines() if (root / path[1:]).is_file()]
        for path in ("/usr/bin/bn-stream", "/usr/share/man/man1/bn-stream.1.gz", "/usr/share/bash-completion/completions/bn-stream",
                     "/usr/share/zsh/vendor-completions/_bn-stream", "/usr/share/fish/vendor_completions.d/bn-stream.fish",
                     "/usr/share/doc/bn-stream/copyright"):
            self.assertIn(path, listed)
        self.assertEqual(call(root / "usr/bin/bn-stream", "--version").stdout, call(PROGRAM, "--version").stdout)
        self.assertIn(".TH", gzip.decompress((root / "usr/share/man/man1/bn-stream.1.gz").read_bytes()).decode())
        self.assertEqual(call(*dpkg, "--verify", "bn-stream").stdout, "")
        removed = call(*dpkg, "--purge", "bn-stream", env=self.environment)
        self.assertEqual(removed.returncode, 0, removed.stderr[-2000:])
        self.assertEqual([path for path in listed if (root / path[1:]).exists()], [])

    def test_without_shlibdeps(self) -> None:
        """Where there is none, the packages here are the oldest that will do."""
        tools = self.folder / "bin"
        tools.mkdir()
        for name in {"bash", "cc", "date", "dpkg", "dpkg-deb", "dpkg-query", "env", "git", "ldd", "md5sum", "objdump", "strip", "tar", "cat", "uname"}:
            if found := shutil.which(name):
                (tools / name).symlink_to(found)
        # A python3 of the path may be a script that looks for others.
        (tools / "python3").symlink_to(os.path.realpath(sys.executable))
        self.environment["PATH"] = str(tools)
        done = self.package("one", self.stand_in)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        depends = call("dpkg-deb", "--field", done.stdout.strip(), "Depends").stdout.strip()
        version = call("dpkg-query", "--show", "--showformat=${Version}", "libc6").stdout
        self.assertIn(f"libc6 (>= {version})", depends)

    def test_refuses_libraries_of_no_package(self) -> None:
        library, source = self.folder / "libown.so", self.folder / "own.c"
        source.write_text("int own(void) { return 0; }\n")
        self.assertEqual(call("cc", "-shared", "-fPIC", source, "-o", library).returncode, 0)
        source.write_text("int own(void); int main(void) { return own(); }\n")
        target = self.folder / "target"
        self.assertEqual(call("cc", source, "-o", target, library).returncode, 0)
        done = self.package("one", target)
        self.assertEqual(done.returncode, 1)
        self.assertIn("libown.so, which belongs to no package", done.stderr)
        self.assertFalse((self.folder / "one").exists())


if __name__ == "__main__":
    unittest.main()
