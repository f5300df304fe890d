"""Manual pages, made from what the program says of its own commands and options (`--experimental-dump-help`).

A page for the program and one for each of its commands, in the macros of man(7). All words are those of `--help`; this file only
knows where they go.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

Command = dict[str, Any]
Argument = dict[str, Any]


def described(program: str) -> Command:
    """The program's commands and options, as it describes them itself."""
    text = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True, text=True).stdout
    document = json.loads(text)
    if document["serializationVersion"] != 0:
        raise ValueError(f"{program} describes itself in version {document['serializationVersion']}, and only 0 is understood here")
    return document["command"]


def pages(program: Command, version: str, date: str) -> dict[str, str]:
    """The pages by their files' names, as bn-stream-run.1; the date is that of what they describe, as 2026-11-26."""
    commands = [command for command in program["subcommands"] if command["commandName"] != "help"]
    name = program["commandName"]
    found = {f"{name}.1": page(program, name, version, date, [f"{name}-{command['commandName']}" for command in commands])}
    for command in commands:
        others = [name] + [f"{name}-{other['commandName']}" for other in commands if other is not command]
        found[f"{name}-{command['commandName']}.1"] = page(command, f"{name} {command['commandName']}", version, date, others)
    return found


def page(command: Command, call: str, version: str, date: str, others: list[str]) -> str:
    title = call.replace(" ", "-")
    program = call.split(" ")[0]
    arguments = [argument for argument in command["arguments"] if argument["shouldDisplay"]]
    paragraphs = (command.get("discussion") or "").split("\n\n") if command.get("discussion") else []
    codes = [paragraph for paragraph in paragraphs if re.match("(The exit code is|Exit codes:) ", paragraph)]
    description = [paragraph for paragraph in paragraphs if paragraph not in codes]
    abstract = command["abstract"]

    lines = [".\\\" Made by tools/install from bn-stream's own description of its options.",
             f'.TH {quoted(title.upper())} 1 "{date}" {quoted(f"{program} {version}")} {quoted(f"{program} manual")}',
             # Neither hyphens nor stretched spaces: names of options stay as they are typed.
             ".nh", ".ad l"]
    lines += [".SH NAME", f"{escaped(title)} \\- {escaped(abstract[0].lower() + abstract[1:].rstrip('.'))}"]
    lines += [".SH SYNOPSIS", *synopsis(command, call, arguments)]
    lines += [".SH DESCRIPTION", running(abstract)]
    for paragraph in description:
        lines += [".PP", running(paragraph)]
    lines += options(arguments)
    if subcommands := [other for other in command.get("subcommands", []) if other["commandName"] != "help"]:
        lines.append(".SH COMMANDS")
        for other in subcommands:
            default = " (default)" if other["commandName"] == command.get("defaultSubcommand") else ""
            lines += [".TP", f"\\fB{escaped(other['commandName'])}\\fR{default}",
                      f"{running(other['abstract'])} See", f".BR {escaped(f'{program}-' + other['commandName'])} (1)."]
    lines += [".SH EXIT STATUS", *exit_status(codes, program)]
    lines += [".SH SEE ALSO"]
    lines += [f".BR {escaped(other)} (1){',' if other != others[-1] else ''}" for other in others]
    return "\n".join(lines) + "\n"


def synopsis(command: Command, call: str, arguments: list[Argument]) -> list[str]:
    """The call with what it must have, and then what it may have."""
    if command.get("subcommands"):
        default = command["defaultSubcommand"]
        return [f"\\fB{escaped(call)}\\fR [\\fB{escaped(default)}\\fR] \\fIoptions\\fR", ".br",
                f"\\fB{escaped(call)}\\fR \\fIcommand\\fR \\fIoptions\\fR"]
    words = [usage(argument) for argument in arguments if not argument["isOptional"]]
    words += [f"[{usage(argument)}]" + ("..." if argument["isRepeating"] else "") for argument in arguments if argument["isOptional"]]
    # A line that ends within a word of the call would be hard to read.
    return [f"\\fB{escaped(call)}\\fR", *(word.replace(" ", "\\ ") for word in words)]


def usage(argument: Argument) -> str:
    """`--batch-size N|all`, by the name that is preferred."""
    value = f"\\fI{escaped(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return value
    name = spelled(argument["preferredName"])
    return f"{name} {value}" if argument["kind"] == "option" else name


def spelled(name: dict[str, str]) -> str:
    return f"\\fB{escaped(('--' if name['kind'] == 'long' else '-') + name['name'])}\\fR"


def options(arguments: list[Argument]) -> list[str]:
    """Those of a section of the help stand together, as they do there."""
    lines = []
    for kind, title in (True, "ARGUMENTS"), (False, "OPTIONS"):
        chosen = [argument for argument in arguments if (argument["kind"] == "positional") == kind]
        sections = list(dict.fromkeys(argument.get("sectionTitle") for argument in chosen))
        if chosen:
            lines.append(f".SH {title}")
        for section in sorted(sections, key=lambda section: section is not None):
            if section:
                lines.append(f".SS {quoted(section)}")
            for argument in chosen:
                if argument.get("sectionTitle") == section:
                    lines += [".TP", head(argument), running(meaning(argument))]
    return lines


def head(argument: Argument) -> str:
    if argument["kind"] == "positional":
        return usage(argument)
    names = ", ".join(spelled(name) for name in argument["names"])
    return f"{names} \\fI{escaped(argument['valueName'])}\\fR" if argument["kind"] == "option" else names


def meaning(argument: Argument) -> str:
    """The sentence of the help, with the default where the sentence does not name it."""
    text = argument.get("abstract") or ""
    default = argument.get("defaultValue")
    return f"{text} The default is {default}." if default is not None and "(default" not in text else text


def exit_status(codes: list[str], program: str) -> list[str]:
    """The list where the program's own help has all codes; a command's help has sentences, and the page of all codes is named."""
    lines: list[str] = []
    for paragraph in codes:
        rest = paragraph.removeprefix("Exit codes: ")
        entries = [entry.partition(" ") for entry in re.split(r"[,;] (?=\d+ )", rest.rstrip("."))]
        if len(entries) > 3:
            for code, _, words in entries:
                lines += [".TP", f"\\fB{code}\\fR", running(words)]
        else:
            lines.append(running(rest[0].upper() + rest[1:]))
    if not any(line == ".TP" for line in lines):
        lines += ["All codes are listed in", f".BR {escaped(program)} (1)."]
    return lines


def running(text: str) -> str:
    """Text with what stands between backquotes in bold."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return guarded(escaped(text))
    return guarded("".join(f"\\fB{escaped(part)}\\fR" if number % 2 else escaped(part) for number, part in enumerate(parts)))


def escaped(text: str) -> str:
    """The text with nothing in it that groff would understand otherwise."""
    for character, name in ("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("^", "\\(ha"), ("~", "\\(ti"), ("`", "\\(ga"):
        text = text.replace(character, name)
    return text


def guarded(line: str) -> str:
    """A line that begins with a point is none of groff's."""
    return "\\&" + line if line.startswith(".") else line


def quoted(text: str) -> str:
    return '"' + escaped(text).replace('"', "\\(dq") + '"'
