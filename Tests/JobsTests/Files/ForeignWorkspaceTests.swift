import Foundation
import Jobs
import LayerFiles
import SystemPackage
import TestSupport
import Testing

/// What lies in the folder of an unfinished output and is another job's, or a link to something else, is not gone on with.
@Suite(.timeLimit(.minutes(30))) struct ForeignWorkspaceTests {
  /// Nothing of another job is mixed in, and what is other is named.
  @Test func anotherJobIsNamed() throws {
    var job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    let expected = try job.expectedBytes()
    try job.stop(atRecord: 3)
    let left = try job.folder.bytes("out.h5.partial/ledger")
    func refused(_ differences: [StreamError.JobDifference], _ job: SmallJob) {
      #expect(
        throws: StreamError.workspaceOfAnotherJob(
          path: job.output, workspace: job.output + ".partial", differences: differences)
      ) { _ = try job.run() }
    }
    job.keys = #""batch_size": 8, "sync": false, "epsilon": 0.5, "momentum": 0.25"#
    refused([.configuration(["epsilon", "momentum"])], job)
    #expect(try job.folder.bytes("out.h5.partial/ledger") == left)
    // These decide no byte.
    job.keys = #""batch_size": 8, "sync": true, "memory": "64MiB""#
    try job.run()
    #expect(job.continued.count == 1 && job.continued[0].share > 0)
    #expect(try job.folder.bytes("out.h5") == expected)
    try FileManager.default.removeItem(atPath: job.output)
    try job.stop(atRecord: 3)
    let path = job.folder.url.appending(path: "out.h5.partial/job.json")
    let words = try String(contentsOf: path, encoding: .utf8)
    try words.replacing(#""version" : ""#, with: #""version" : "9."#).write(
      to: path, atomically: true, encoding: .utf8)
    refused([.program(found: "9." + programVersion, now: programVersion)], job)
    // Of the same version, but with records of another form.
    let other = words.replacing(/"format" : [0-9]+/, with: #""format" : 99"#)
    #expect(other != words)
    try other.write(to: path, atomically: true, encoding: .utf8)
    refused([.program(found: programVersion, now: programVersion)], job)
    try words.write(to: path, atomically: true, encoding: .utf8)
    try FileManager.default.changeTime(ofItemAtPath: job.input)
    refused([.input], job)
    try "{}".write(to: path, atomically: true, encoding: .utf8)
    refused([.unknown], job)
    try anotherCompressorIsNamed()
    // To start over is always possible.
    job.replacesOutput = true
    try job.run()
    #expect(try job.left == ["out.h5"])
  }

  /// Who looks at it learns which version began it, and that this one would not go on.
  @Test func theVersionThatBeganItIsSaid() throws {
    let job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    try job.stop(atRecord: 3)
    let path = job.folder.url.appending(path: "out.h5.partial/job.json")
    let words = try String(contentsOf: path, encoding: .utf8)
    try words.replacing(#""version" : ""#, with: #""version" : "9."#).write(
      to: path, atomically: true, encoding: .utf8)
    let report = try #require(
      try WorkspaceReport(folder: job.output + ".partial") {
        JobSummary.Failure(code: 73, message: "\($0)")
      })
    #expect(report.version == programVersion && report.job?.version == "9." + programVersion)
    #expect(report.job?.input == job.input)
    #expect(!report.isResumable && report.refusal?.code == 73)
    #expect(report.share == nil && report.layers == nil)
  }

  /// Another version of the compressor makes other chunks.
  private func anotherCompressorIsNamed() throws {
    let job = try SmallJob.recording(ResumeTests.keys[4])
    try job.stop(atRecord: 3)
    let path = job.folder.url.appending(path: "out.h5.partial/job.json")
    let words = try String(contentsOf: path, encoding: .utf8)
    let library = try #require(words.firstMatch(of: /"(gzip [0-9a-f]{8})"/)?.1)
    try words.replacing(library, with: "gzip 00000000").write(to: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: StreamError.self) { try job.run() }
    guard case .workspaceOfAnotherJob(_, _, let differences)? = error,
      case .libraries(let found, let now)? = differences.first
    else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found.hasSuffix("gzip 00000000") && now.hasSuffix(library))
  }

  /// A file of the unfinished output that is a link, as of somebody who may write in its folder, is not gone on with.
  @Test(arguments: [
    ("data.h5", ResumeTests.keys[1]), ("job.json", ResumeTests.keys[1]), ("ledger", ResumeTests.keys[1]),
    ("job.json", ResumeTests.keys[4]),
    ("spool", ResumeTests.keys[4]),
  ])
  func noLinkIsGoneOnWith(name: String, keys: String) throws {
    let job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    try job.stop(atRecord: 3)
    let file = job.output + ".partial/" + name
    try FileManager.default.moveItem(atPath: file, toPath: job.folder.path("copy"))
    let copy = try job.folder.bytes("copy")
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "../copy")
    try job.run()
    #expect(job.continued.isEmpty)
    #expect(try job.left == ["copy", "out.h5"])
    #expect(try job.folder.bytes("copy") == copy)
    #expect(try job.folder.bytes("out.h5") == expected)
    let attributes = try FileManager.default.attributesOfItem(atPath: job.output)
    #expect(attributes[.type] as? FileAttributeType == .typeRegular)
  }

  /// What a link leads to that has the name of a file to be is not written over.
  @Test func noLinkIsWrittenThrough() throws {
    let job = try SmallJob.recording(ResumeTests.keys[1])
    let folder = job.folder.url.appending(path: job.workspaceName)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try Data("precious".utf8).write(to: job.folder.url.appending(path: "precious"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.appending(path: "job.json.new").path, withDestinationPath: "../precious")
    #expect(throws: StreamError.writeFailed(path: job.output, .tooManySymbolicLinkLevels)) { try job.run() }
    #expect(try job.folder.bytes("precious") == Data("precious".utf8))
    #expect(try !job.left.contains("out.h5"))
  }

  /// An old job that nobody can remove would be taken for what this run writes down: nothing is written beside it.
  @Test func anOldJobThatStaysIsRefused() throws {
    var job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    try job.stop(atRecord: 3)
    job.replacesOutput = true
    let calls = WatchedFileCalls { call, _ in
      call.kind == .unlink && call.name == "job.json" ? .fails(.notPermitted) : .made
    }
    #expect(throws: StreamError.outputNotCreated(path: job.output, .notPermitted)) { try job.run(calls) }
    #expect(!calls.calls.contains { $0.kind == .write && $0.name == "data.h5" })
    #expect(try !job.left.contains("out.h5"))
  }
}
