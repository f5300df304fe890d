import Foundation
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// A run may go on with another memory, which divides the features of a layer otherwise: a slice is known by all of its features.
@Suite(.timeLimit(.minutes(30))) struct OtherMemoryTests {
  @Test(arguments: [("17MiB", "1GiB"), ("17MiB", "18MiB"), ("18MiB", "17MiB")], [3, 6])
  func slicesOfAnotherMemoryAreOthers(_ memory: (before: String, after: String), record: Int) throws {
    let features = 20_000
    var job = try SmallJob(wide: features, samples: 14)
    func keys(_ memory: String) -> String { #""batch_size": "all", "sync": false, "memory": "\#(memory)""# }
    job.recordInterval = .zero
    job.keys = keys("1GiB")
    let expected = try job.expectedBytes()
    func featuresPerSlice() throws -> Int { try #require(job.plan().schedules.first).featuresPerSlice }
    job.keys = keys(memory.after)
    let later = try featuresPerSlice()
    job.keys = keys(memory.before)
    let earlier = try featuresPerSlice()
    try #require(earlier < features && earlier != later)
    try job.stop(atRecord: record)
    job.keys = keys(memory.after)
    try job.run()
    #expect(job.continued.count == 1)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }
}
