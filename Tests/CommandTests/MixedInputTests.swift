import FileNames
import Foundation
import HDF5
import TestSupport
import Testing

/// A good layer beside what nobody can follow or read, and layers under unusual names; see tools/make_mixed_inputs.py.
@Suite(.timeLimit(.minutes(30))) struct MixedInputTests {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let options: [String]
    let exitCode: Int32
    let layers: [String]
    let error: String
    let about: String

    var testDescription: String { "\(file): \(about)" }
  }

  static let cases: [Case] = {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = FileManager.default.contents(atPath: Repository.fixture("mixed/cases.json")) ?? Data()
    return (try? decoder.decode([Case].self, from: data)) ?? []
  }()

  @Test func thereAreCases() { #expect(Self.cases.count > 25) }

  @Test(arguments: cases)
  func runsWhatIsSelected(_ mixed: Case) throws {
    let program = try Program("mixed/\(mixed.file)")
    let result = try program.run(
      ["--in", mixed.file, "--out", "out.h5", "--json", "--batch-size", "4"] + mixed.options)
    #expect(result.exitCode == mixed.exitCode)
    #expect(result.error == mixed.error)
    let summary = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let layers = (summary["layers"] as? [[String: Any]])?.map { $0["path"] as? String ?? "" }
    // Names are bytes: to Swift, both forms of é are equal.
    #expect(layers?.map { Array($0.utf8) } == mixed.layers.map { Array($0.utf8) })
    let root = try File(reading: program.path("out.h5")).root
    // As JSON and people see it, and as it is.
    let paths = mixed.layers.map {
      $0.contains("\\xE9") ? String(fileName: Array("/caf".utf8) + [0xE9] + Array("/bn".utf8)) : $0
    }
    let expected = try #require(try root.descendant(paths[0])).dataset("output").readDoubles()
    #expect(expected.allSatisfy(\.isFinite) && Set(expected).count > 3)
    for path in paths {
      // All have the same numbers.
      #expect(try root.descendant(path)?.dataset("output").readDoubles() == expected, "\(path)")
    }
  }

  /// A layer may be asked for by any of its names, also by way of another name of the root.
  @Test(arguments: [true, false]) func byAnotherNameOfTheRoot(isHard: Bool) throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("layer").addTensors([6, 3])
      if isHard { root.addHardLink("self", to: "/") } else { root.addSoftLink("self", to: "/") }
    }
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--layer", "/self/layer")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.links().map(\.name) == ["self"])
    #expect(try root.dataset("self/layer/output").shape == [6, 3])
  }

  /// What was passed over in the file is told first, then what is odd about layers, whatever they are called.
  @Test func whatIsPassedOverIsToldFirst() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("a")
      try layer.addTensors([6, 3])
      try layer.writeAttribute("eps", 0.5)
      root.addSoftLink("z", to: "/nowhere")
    }
    let result = try program.run("--in", "in.h5", "--dry-run")
    #expect(result.exitCode == 0)
    #expect(
      result.error
        == "warning: passed over a link to what is not there: /z (/nowhere)\n"
        + "warning: /a has an attribute `eps`, which is not read; write it as the attribute `epsilon` of the layer's group, or "
        + "give --epsilon\n")
    // And so in what is read by programs, of a run and of who only looks.
    let lines = result.error.split(separator: "\n").map { String($0.dropFirst("warning: ".count)) }
    for command in [["--in", "in.h5", "--dry-run", "--json"], ["inspect", "in.h5", "--json"]] {
      let object = try program.object(program.run(command))
      #expect(object["warnings"] as? [String] == lines, "\(command)")
    }
  }
}
