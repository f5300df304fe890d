import Configuration
import Explain
import Foundation
import Jobs
import LayerFiles
import TestSupport
import Testing

/// The file with an experiment's numbers.
@Suite(.timeLimit(.minutes(30))) struct ExplanationFileTests {
  /// What was found of old and new numbers is not written.
  @Test(arguments: [false, true]) func anInputThatChangesGivesNoFile(changes: Bool) throws {
    let folder = try TemporaryFolder()
    let (input, output) = (folder.path("in.h5"), folder.path("out.h5"))
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: input)
    let plan = try JobPlan(
      Job(input: input, output: output, configuration: JobConfiguration(), replacesOutput: false))
    let file = ExplanationFile([], from: plan.input, for: plan.job)
    if changes {
      try FileManager.default.changeTime(ofItemAtPath: input)
      #expect(throws: StreamError.inputChanged(path: input)) { try file.write(to: output) }
    } else {
      try file.write(to: output)
    }
    #expect(FileManager.default.fileExists(atPath: output) == !changes)
  }
}
