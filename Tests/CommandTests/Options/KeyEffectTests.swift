import Foundation
import HDF5
import TestSupport
import Testing

/// Every key of the configuration does something, and the table of them is whole.
@Suite(.timeLimit(.minutes(30))) struct KeyEffectTests {
  @Test(arguments: KeyEffect.all)
  func hasItsEffect(_ effect: KeyEffect) throws {
    let program = try Program()
    try program.make { try effect.input(effect.fillsFile ? $0 : $0.createGroup("layer")) }
    try program.write(effect.configuration, to: "config.json")

    let plain = try program.run("--in", "in.h5", "--out", "before.h5", "--json")
    let configured = try program.run(
      "--in", "in.h5", "--out", "other.h5", "--config", "config.json", "--json")
    #expect(configured.exitCode == 0 && configured.error == "", "\(configured.error)")
    try effect.changes(
      plain.exitCode == 0 ? program.results("before.h5", plain) : nil,
      program.results("other.h5", configured))

    for command in effect.commands {
      let arguments = try #require(SharedOptionTests.commands[command])
      let without = try program.outcome(arguments)
      let with = try program.outcome(arguments + ["--config", "config.json"])
      #expect(with.exitCode == 0, "\(command): \(with)")
      #expect(with != without, "\(command): \(with)")
    }
  }

  @Test(arguments: [#"{"sync": false}"#, #"{"sync": true}"#, #"{"$schema": "schema.json"}"#])
  func hasNoEffectThatResultsShow(configuration: String) throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([8, 3]) }
    try program.write(configuration, to: "config.json")
    let command = ["--in", "in.h5", "--out", "out.h5", "--json"]
    #expect(
      try program.outcome(command + ["--config", "config.json"]) == program.outcome(command))
  }

  @Test func everyKeyHasARow() throws {
    let keys = try ConfigurationSchema().keys
    let rows = Set(KeyEffect.all.map(\.key)).union(Setting.all.map(\.key))
    #expect(keys.count > 20)
    #expect(keys.subtracting(rows).subtracting(KeyEffect.withoutEffect.keys).sorted() == [], "have no row")
    #expect(rows.union(KeyEffect.withoutEffect.keys).subtracting(keys).sorted() == [], "do not exist")
  }

  /// The schema is only a text; the program itself lists the keys that it knows when it meets one that it does not.
  @Test func theSchemaHasTheKeysThatTheProgramKnows() throws {
    let program = try Program("rank2.h5")
    for (json, prefix) in [
      (#"{"?": 1}"#, ""), (#"{"datasets": {"?": 1}}"#, "datasets."),
      (#"{"output_storage": {"?": 1}}"#, "output_storage."),
    ] {
      try program.write(json, to: "config.json")
      let error = try program.run("--in", "rank2.h5", "--dry-run", "--config", "config.json").error
      let list = try #require(error.dropLast().split(separator: "the known keys are ").last)
      let known = list.split(separator: ", ").map { prefix + $0 }
      let inSchema = try ConfigurationSchema().keys.filter {
        $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains(".")
      }
      #expect(known.sorted() == inSchema.sorted())
    }
  }
}

extension Program {
  fileprivate func results(_ file: String, _ result: Result) throws -> KeyEffect.Results {
    KeyEffect.Results(
      layer: try root(file).group("layer"),
      summary: try JSONDecoder().decode(KeyEffect.Summary.self, from: Data(result.output.utf8)))
  }
}
