#if os(Linux)
  import Foundation
  import HDF5
  import TestSupport
  import Testing

  /// What is printed where one of the two streams leads to a terminal, and the other one does not.
  @Suite(
    .timeLimit(.minutes(30)), .enabled(if: PseudoTerminal(columns: 80) != nil, "there are no terminals here"))
  struct TerminalTests {
    private static let warning =
      " /layer has an attribute `eps`, which is not read; write it as the attribute `epsilon` of the layer's group, or give "
      + "--epsilon\n"

    private func program(layer: String = "layer") throws -> Program {
      let program = try Program()
      try program.make { root in
        let layer = try root.createGroup(layer)
        try layer.addTensors([8, 3])
        // Worth a warning.
        try layer.writeAttribute("eps", 0.5)
      }
      return program
    }

    /// Runs the program with a stream on a terminal, in an environment that says nothing of terminals but what the line begins with.
    /// - Returns: what became of it, and what is on the terminal.
    private func run(
      _ program: Program, _ arguments: String, in environment: String = "TERM=xterm", columns: UInt16 = 80,
      stream: Int
    ) throws -> (result: Program.Result, shown: String) {
      let terminal = try #require(PseudoTerminal(columns: columns))
      let result = try program.run(
        shell: #"unset NO_COLOR TERM; \#(environment) exec "$0" \#(arguments) \#(stream)>\#(terminal.path)"#)
      terminal.readToEnd()
      return (result, terminal.text)
    }

    /// A terminal that does not say what it knows is taken for one that knows nothing.
    @Test(
      arguments: [
        ("TERM=xterm", true), ("TERM=xterm NO_COLOR=", true), ("TERM=xterm NO_COLOR=1", false),
        ("TERM=dumb", false), ("TERM=", false), ("", false),
      ])
    func warningsAndErrorsHaveColours(environment: String, areColoured: Bool) throws {
      let program = try program()
      let warned = try run(program, "--in in.h5 --dry-run", in: environment, stream: 2)
      #expect(warned.result.exitCode == 0)
      let word: String = areColoured ? "\u{1B}[33mwarning:\u{1B}[0m" : "warning:"
      #expect(warned.shown == word + Self.warning)
      let failed = try run(program, "--in absent.h5 --dry-run", in: environment, stream: 2)
      #expect(failed.result.exitCode == 66)
      let name: String = areColoured ? "\u{1B}[1;31mbn-stream:\u{1B}[0m" : "bn-stream:"
      #expect(failed.shown == name + " absent.h5: there is no such file; check --in\n")
    }

    /// What is said goes to a file, wherever results go.
    @Test func aFileGetsNoColours() throws {
      let found = try run(program(), "--in in.h5 --out out.h5", stream: 1)
      #expect(found.result.exitCode == 0 && found.result.error == "warning:" + Self.warning)
      #expect(!found.shown.contains("\u{1B}") && found.shown.contains("384 B"), "\(found.shown)")
    }

    /// Results are as wide as the terminal that shows them, and never narrower than 40 columns.
    @Test func resultsAreAsWideAsTheirTerminal() throws {
      let program = try program()
      func lines(_ columns: UInt16) throws -> [Substring] {
        let found = try run(program, "inspect in.h5", columns: columns, stream: 1)
        #expect(found.result.exitCode == 0 && found.result.error == "")
        return found.shown.split(separator: "\n")
      }
      for columns in [57, 120] {
        let longest = try lines(UInt16(columns)).map(\.count).max() ?? 0
        #expect((columns - 20...columns).contains(longest), "\(longest) of \(columns)")
      }
      #expect(try lines(20) == lines(40))
    }

    /// A table that is wider stays whole in a file, also where what is said goes to a terminal.
    @Test func aTableInAFileHasAnyWidth() throws {
      let name = String(repeating: "x", count: 90)
      let program = try program(layer: name)
      let row = "/\(name)  [8, 3]  float64  1 × 256  forward, backward  384 B"
      let inFile = try run(program, "--in in.h5 --out out.h5", columns: 50, stream: 2)
      #expect(inFile.result.output.split(separator: "\n").contains(Substring(row)), "\(inFile.result.output)")
      let shown = try run(program, "--in in.h5 --out out.h5 --force", columns: 50, stream: 1).shown
      let lines = shown.split(separator: "\n")
      #expect(lines.contains("  [8, 3]  1 × 256  forward, backward  384 B"), "\(shown)")
    }

    /// However a job ends, the line that shows how far it is goes, and what is said of the end has a line of its own.
    @Test(arguments: [SIGTERM, SIGKILL]) func theMovingLineGoes(number: Int32) throws {
      let program = try Program()
      try program.makeLongInput()
      let columns: UInt16 = 36
      let terminal = try #require(PseudoTerminal(columns: columns))
      let line = #"exec "$0" --in long.h5 --out out.h5 --config means.json 2>\#(terminal.path)"#
      let process = try program.start(shell: "unset NO_COLOR; TERM=xterm \(line)")
      while !terminal.text.contains("/64 "), terminal.read() {}
      #expect(terminal.text.contains("/64 "), "\(terminal.text)")
      let worker = try #require(program.worker(of: process))
      let isAll = number == SIGTERM
      kill(isAll ? process.processIdentifier : worker, number)
      terminal.readToEnd()
      #expect(try program.wait(for: process).exitCode == 75)
      let shown = terminal.text
      let clear = "\r\u{1B}[K"
      let words =
        isAll
        ? "interrupted; no output was written, run the same command to start again"
        : "killed, perhaps for lack of memory; no output was written, give a smaller --memory or run it again"
      #expect(shown.hasSuffix("\(clear)\u{1B}[1;31mbn-stream:\u{1B}[0m \(words)\n"), "\(shown)")
      // The last column stays free.
      let frames = shown.components(separatedBy: clear).dropLast()
      #expect(frames.allSatisfy { $0.count < Int(columns) }, "\(frames)")
    }
  }
#endif
