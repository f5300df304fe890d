import Foundation
import HDF5
import Testing

/// The values that are too large for their type are counted in every batch, also where many small ones are computed together.
@Suite(.timeLimit(.minutes(30))) struct OverflowCountTests {
  @Test(arguments: [3, 5, 8]) func ofSmallBatches(size: Int) throws {
    // Numbers of x̂ beyond 1.09 do not fit float16: from the midpoint of its largest number and the next power of two on.
    var job = try SmallJob(gamma: 60_000)
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
        y[first..<min(first + 6 * size, y.count)].count { $0.magnitude >= 65_520 }
      }
      try #require(inBatches.count { $0 > 0 } > 1)
      expected.append(inBatches.reduce(0, +))
    }
    try file.close()
    try FileManager.default.removeItem(atPath: job.output)
    job.keys = keys("float16")
    #expect(try job.run().layers.map(\.outputOverflow) == expected)
  }
}
