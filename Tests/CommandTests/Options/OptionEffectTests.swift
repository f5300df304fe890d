import Foundation
import HDF5
import TestSupport
import Testing

/// Every option of every command does something, and the table of them is whole.
@Suite(.timeLimit(.minutes(30))) struct OptionEffectTests {
  @Test(arguments: OptionEffect.all)
  func hasItsEffect(_ effect: OptionEffect) throws {
    let program = try Program()
    try program.makeSmallInputs()
    try effect.test(program)
  }

  @Test func everyOptionHasARow() throws {
    let commands = try ProgramHelp().commands
    #expect(
      commands.map(\.name) == [
        "run", "inspect", "trace", "check", "verify", "explain", "report", "compare", "merge",
      ])
    let declared = Set(
      commands.flatMap { command in
        command.options.filter { $0.name != "" }.map { "\(command.name) \($0.name)" }
      })
    let shared = SharedOptionTests.pairs.map(\.option)
    let rows = Set(
      OptionEffect.all.map { "\($0.command) \($0.option)" }
        + Setting.all.map { "run \($0.option)" }
        + SharedOptionTests.commands.keys.flatMap { command in shared.map { "\(command) \($0)" } })
    #expect(declared.subtracting(rows).sorted() == [], "have no row")
    #expect(rows.subtracting(declared).sorted() == [], "have a row, but do not exist")
    #expect(Set(SharedOptionTests.withoutEffect.keys).isSubset(of: declared))
  }

  /// With one batch, all batches weigh the same as if its own momentum were 1; with more they do not.
  @Test func momentumNoneIsTheAverage() throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([6, 3]) }
    func means(_ momentum: String) throws -> (running: [Double], batches: [Double]) {
      #expect(
        try program.run(
          "--in", "in.h5", "--out", "out.h5", "--force", "--batch-size", "2", "--momentum", momentum
        ).exitCode == 0)
      let layer = try program.root("out.h5").group("layer")
      return (
        try layer.dataset("running_mean").readDoubles(), try layer.dataset("batches/mean").readDoubles()
      )
    }
    let average = try means("none")
    let last = try means("1")
    for feature in 0..<3 {
      let each = [0, 1, 2].map { average.batches[3 * $0 + feature] }
      #expect(abs(average.running[feature] - each.reduce(0, +) / 3) < 1e-12)
      #expect(abs(last.running[feature] - each[2]) < 1e-12)
    }
  }

  /// A limit that a batch exceeds makes the program read it twice, and changes nothing else.
  @Test func memoryDecidesHowOftenTheInputIsRead() throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([30_000, 40], type: .float32) }
    func passes(_ memory: String) throws -> (Int?, [String: String]) {
      let result = try program.run(
        "--in", "in.h5", "--out", "out.h5", "--force", "--batch-size", "all", "--memory", memory,
        "--threads", "1", "--json")
      let layer = (try program.object(result)["layers"] as? [[String: Any]])?.first
      return (layer?["passes"] as? Int, try Outcome(result, of: program).file)
    }
    let plenty = try passes("1GiB")
    let little = try passes("20MiB")
    #expect(plenty.0 == 1 && little.0 == 2)
    #expect(plenty.1 == little.1)
  }
}
