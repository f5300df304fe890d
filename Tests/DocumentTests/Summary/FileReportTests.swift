import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport
import Testing

@testable import bn_stream

@Suite("FileReport and docs/inspect.schema.json")
struct FileReportTests {
  @Test(
    "every report is as its schema says, and decodes to an equal one",
    arguments: [
      ("nested.h5", "{}"), ("rank2.h5", "{}"), ("all_filters.h5", #"{"batch_size": 3, "momentum": null}"#),
      ("bad/no_layer.h5", "{}"), ("bad/gamma_shape.h5", "{}"), ("bad/filter_bzip2.h5", "{}"),
      ("bad/string_type.h5", "{}"), ("bad/external_storage.h5", "{}"), ("bad/gamma_and_weight.h5", "{}"),
      ("nested.h5", #"{"layers": ["nowhere"]}"#), ("batch_offsets.h5", #"{"batch_size": 3, "strict": true}"#),
    ])
  func followsItsSchema(file: String, configuration: String) throws {
    let report = try Self.report(file, configuration)
    let url = Repository.url.appending(path: "docs/inspect.schema.json")
    let schema = JSONSchema(root: try JSONParser.parse(Array(Data(contentsOf: url))))
    #expect(try schema.accepts(report.json))
    let again = try JSONDecoder().decode(FileReport.self, from: Data(report.json.utf8))
    #expect(again == report)
    #expect(again.json == report.json)
  }

  @Test("the schema has the members that reports have")
  func members() throws {
    let url = Repository.url.appending(path: "docs/inspect.schema.json")
    let schema = try JSONParser.parse(Array(Data(contentsOf: url)))
    var report = try Self.report("bad/gamma_shape.h5")
    report.nearLayers = [NearLayer(facts: report.layers[0].facts, missing: ["activations"])]
    let json = try JSONParser.parse(Array(report.json.utf8))
    #expect(Set(json.members.map(\.0)) == Set(schema["properties"]?.members.map(\.0) ?? []))
    let layer = try #require(schema["$defs"]?["layer"]?["properties"]).members.map(\.0)
    #expect(Set(json["layers"]?.items[0].members.map(\.0) ?? []).union(["plan"]) == Set(layer))
  }

  @Test(
    "text fits 80 columns, whatever the names are",
    arguments: ["nested.h5", "bad/gamma_shape.h5", "all_filters.h5"])
  func fitsTheWidth(file: String) throws {
    for width in [40, 80, 200] {
      let text = InspectText(try Self.report(file), width: width).text
      for line in text.split(separator: "\n") {
        // A word that is longer than the line stands alone in it.
        let words = line.split(separator: " ")
        #expect(line.count <= width || words.contains { $0.count > width / 3 }, "\(line)")
      }
    }
    let lines = InspectText(try Self.report("nested.h5"), width: 80).text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  @Test(
    "lines break at blanks only, and what follows is indented as far as there is room",
    arguments: [
      ("aaaa bbbb cccc dddd eeee", 3, 0, "aaaa bbbb|   cccc dddd|   eeee"),
      // More than half of the line is too much.
      ("aaaa bbbb cccc dddd eeee", 6, 0, "aaaa bbbb|      cccc|      dddd|      eeee"),
      ("aaaa bbbb cccc dddd eeee", 7, 0, "aaaa bbbb|    cccc|    dddd|    eeee"),
      // What stands before the text, and a word that is longer than the line.
      ("  a     bbb ccc", 8, 8, "  a     bbb|    ccc"),
      ("aa bbbbbbbbbbbbbbb cc", 2, 0, "aa|  bbbbbbbbbbbbbbb|  cc"),
      // A shape stays whole.
      ("aaaaa [10,\u{a0}3]", 2, 0, "aaaaa|  [10, 3]"), ("[10,\u{a0}3]", 2, 0, "[10, 3]"),
    ] as [(String, Int, Int, String)])
  func lines(text: String, indent: Int, from: Int, expected: String) {
    let lines = FactLines.line(text, width: 12, indent: indent, from: from)
    #expect(lines.replacing("\n", with: "|") == expected)
  }

  @Test("of an unfinished output, too")
  func workspaceFollowsItsSchema() throws {
    let url = Repository.url.appending(path: "docs/workspace.schema.json")
    let schema = JSONSchema(root: try JSONParser.parse(Array(Data(contentsOf: url))))
    let folder = try TemporaryFolder()
    let path = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(try WorkspaceReport(folder: path, failure: { Failure($0).summary }) == nil)
    try Data().write(to: URL(fileURLWithPath: path + "/data.h5"))
    var report = try #require(try WorkspaceReport(folder: path, failure: { Failure($0).summary }))
    #expect(!report.isResumable && !report.isRunning && report.byteCount == 0)
    #expect(try schema.accepts(report.json))
    report.job = WorkspaceReport.UnfinishedJob(
      version: "1", input: "in.h5", configuration: try JSONParser.parse(Array(#"{"batch_size": 4}"#.utf8)))
    report.share = 0.5
    report.layers = [WorkspaceReport.LayerShare(path: "/a", share: 0.5)]
    report.shards = [WorkspaceReport.ShardState(index: 0, state: .missing)]
    report.refusal = JobSummary.Failure(code: 73, message: "no")
    #expect(try schema.accepts(report.json))
    let all = Set(try JSONParser.parse(Array(report.json.utf8)).members.map(\.0))
    let properties = try JSONParser.parse(Array(Data(contentsOf: url)))["properties"]
    #expect(all == Set(properties?.members.map(\.0) ?? []))
    // A share is never more than all.
    report.share = 1.5
    #expect(try !schema.accepts(report.json))
  }

  /// Shards by what they are, and what is to be done about them.
  @Test("what is said of shards")
  func shards() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data().write(to: URL(fileURLWithPath: path + "/data.h5"))
    var report = try #require(try WorkspaceReport(folder: path, failure: { Failure($0).summary }))
    report.isResumable = true
    func lines(_ states: [WorkspaceReport.ShardState.State]) -> [String] {
      report.shards = states.enumerated().map { WorkspaceReport.ShardState(index: $0, state: $1) }
      return WorkspaceText(report, width: 400).text.split(separator: "\n").dropFirst(2)
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let again =
      "What is not finished and not running is to be run again, with the same command and its --shard."
    #expect(
      lines([.done, .interrupted, .missing, .running, .waiting, .interrupted]) == [
        "shards         1 of 6 finished", "running: 3", "waiting: 4", "interrupted: 1, 5", "missing: 2",
        again,
      ])
    #expect(
      lines([.done, .done]) == [
        "shards         2 of 2 finished",
        "All shards are finished; any of them, run again with the same command, finishes the output, if no process does so now.",
      ])
    let missing = "missing: " + (1...20).map { "\($0)" }.joined(separator: ", ")
    #expect(
      lines([.done] + Array(repeating: .missing, count: 23)) == [
        "shards         1 of 24 finished", "\(missing) and 3 more", again,
      ])
    #expect(
      lines([.done] + Array(repeating: .missing, count: 20)) == [
        "shards         1 of 21 finished", missing, again,
      ])
    // That a process works on one shard does nothing for the others; what refuses a run refuses that of a finished shard, too.
    report.isRunning = true
    #expect(lines([.running, .missing]).last == again)
    report.isRunning = false
    report.refusal = JobSummary.Failure(code: 73, message: "no")
    #expect(lines([.done, .done]).last == "A run that would go on ends with 73 and says: no")
  }

  /// Of a job the settings are said that are not the defaults, and where there is none, that.
  @Test(
    "what is said of the job",
    arguments: [
      ("{}", "all defaults"), (#"{"strict": false}"#, "all defaults"),
      (#"{"batch_size": 4, "strict": false}"#, "batch_size 4"),
    ])
  func job(configuration: String, words: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data().write(to: URL(fileURLWithPath: path + "/data.h5"))
    var report = try #require(try WorkspaceReport(folder: path, failure: { Failure($0).summary }))
    report.job = WorkspaceReport.UnfinishedJob(
      version: "0.0.9", input: "acts.h5", configuration: try JSONParser.parse(Array(configuration.utf8)))
    let lines = WorkspaceText(report, width: 400).text.split(separator: "\n").map(String.init)
    #expect(
      lines.dropFirst().prefix(2) == [
        "  job            from acts.h5, by bn-stream 0.0.9", "  configuration  \(words)",
      ])
  }

  /// What a run would be refused for comes before whether it could go on.
  @Test(
    "what is said of the next run",
    arguments: [
      (false, true, false, "A run that would go on ends with 73 and says: no"),
      (false, true, true, "A run that would go on ends with 73 and says: no"),
      (
        false, false, false,
        "Nobody works on it, and nothing is written down that a run could go on with: the next one begins anew."
      ),
      (false, false, true, "Nobody works on it; the same command as before goes on with it."),
      (true, true, true, "A process works on it."), (true, false, false, "A process works on it."),
    ] as [(Bool, Bool, Bool, String)])
  func nextRun(isRunning: Bool, isRefused: Bool, isResumable: Bool, line: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data().write(to: URL(fileURLWithPath: path + "/data.h5"))
    var report = try #require(try WorkspaceReport(folder: path, failure: { Failure($0).summary }))
    report.isRunning = isRunning
    report.isResumable = isResumable
    if isRefused { report.refusal = JobSummary.Failure(code: 73, message: "no") }
    let lines = WorkspaceText(report, width: 400).text.split(separator: "\n")
    #expect(lines.last.map(String.init) == line)
  }

  /// Twenty layers that are begun are named, and the others are counted; those that are finished or not begun are neither.
  @Test("what is said of layers", arguments: [1, 20, 21, 25])
  func begunLayers(count: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data().write(to: URL(fileURLWithPath: path + "/data.h5"))
    var report = try #require(try WorkspaceReport(folder: path, failure: { Failure($0).summary }))
    var layers = [
      WorkspaceReport.LayerShare(path: "/done", share: 1),
      WorkspaceReport.LayerShare(path: "/none", share: 0),
    ]
    for index in 0..<count { layers.append(WorkspaceReport.LayerShare(path: "/\(index)", share: 0.5)) }
    report.layers = layers
    let lines = WorkspaceText(report, width: 400).text.split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(lines.contains("layers         1 of \(count + 2) finished"))
    let named = (0..<min(count, 20)).map { "/\($0): 50 %" }
    #expect(lines.filter { $0.hasPrefix("/") && $0.hasSuffix(" %") } == named)
    #expect(lines.filter { $0.hasPrefix("and ") } == (count > 20 ? ["and \(count - 20) more"] : []))
  }

  static func report(_ file: String, _ configuration: String = "{}") throws -> FileReport {
    let job = Job(
      input: Repository.fixture(file), output: nil,
      configuration: try JobConfiguration(json: configuration, source: "c.json"), replacesOutput: false)
    return try JobSurvey(job).report
  }
}
