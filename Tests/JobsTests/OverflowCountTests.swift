import Foundation
import HDF5
import Testing

/// The values that are too large for their type are counted in every batch, also where many small ones are computed together.
@Suite(.timeLimit(.minutes(30))) struct OverflowCountTests {
  /// With such a γ numbers of x̂ beyond 1.09 do not fit: from the midpoint of the type's largest number and the next power of two on. What is
  /// too large for float16 is found when it is converted, and for float32 when it is computed.
  static let types: [(name: String, gamma: Double, limit: Double)] = [
    ("float16", 60_000, 65_520), ("float32", 3.1e38, 0x1.ffffffp127),
  ]

  @Test(arguments: [4, 5, 8], types)
  func ofSmallBatches(size: Int, _ short: (name: String, gamma: Double, limit: Double)) throws {
    // Eight batches and more, so that each task has two at least.
    var job = try SmallJob(samples: 64, gamma: short.gamma)
    func keys(_ type: String) -> String {
      #""batch_size": \#(size), "sync": false, "output_type": "\#(type)", "outputs": ["output"]"#
    }
    job.keys = keys("float64")
    try job.run()
    let file = try File(reading: job.output)
    var expected: [Int] = []
    for layer in ["first", "second"] {
      let y = try file.root.dataset("\(layer)/output").readDoubles()
      let inBatches = stride(from: 0, to: y.count, by: 6 * size).map { first in
        y[first..<min(first + 6 * size, y.count)].count { $0.magnitude >= short.limit }
      }
      try #require(inBatches.count { $0 > 0 } > 1)
      expected.append(inBatches.reduce(0, +))
    }
    try file.close()
    try FileManager.default.removeItem(atPath: job.output)
    job.keys = keys(short.name)
    #expect(try job.run().layers.map(\.outputOverflow) == expected)
  }
}
