import HDF5
import TestSupport
import Testing

/// The rows of `batches/`, which are collected to 64 KiB of each dataset, 8192 / C rows, and then written at once; so the
/// first flush is one of many, and the last one is smaller.
@Suite(.timeLimit(.minutes(30))) struct BatchRowsTests {
  /// 8 rows a flush: thirteen flushes and 6 rows. Few threads take several batches at a time, many one.
  @Test(.timeLimit(.minutes(30))) func ofManyFlushes() throws {
    try expectEveryResult(
      of: [InputLayer([657, 1024], seed: 11)], Settings(batchSize: 6),
      [Arrangement(1), Arrangement(2), Arrangement(3), Arrangement(7)])
  }

  /// 1638 rows a flush: twelve flushes and 344 rows of batches that are tiny, hundreds of them in a unit of work.
  @Test(.timeLimit(.minutes(30))) func ofTinyBatches() throws {
    try expectEveryResult(
      of: [InputLayer([40_000, 5], seed: 12)], Settings(batchSize: 2, momentum: 0.01),
      [Arrangement(1), Arrangement(7)])
  }

  /// A row is larger than what is collected, so each is a flush of its own.
  @Test(.timeLimit(.minutes(30))) func wideRows() throws {
    try expectEveryResult(
      of: [InputLayer([14, 40_000], seed: 13)], Settings(batchSize: 3, dropsIncomplete: true, momentum: nil),
      [Arrangement(2)])
  }

  /// 4 rows a flush: twelve and two rows. So many threads have no room for a batch each, and share one after the other.
  @Test(.timeLimit(.minutes(30))) func ofBatchesThatAllThreadsShare() throws {
    try expectEveryResult(
      of: [InputLayer([250, 2048], seed: 14)], Settings(batchSize: 5, isIdentity: true),
      [Arrangement(64, "22MiB"), Arrangement(3)])
  }

  /// 8 rows a flush: fifteen and one row, some of them of empty batches, at the beginning, at a flush, and at the end.
  @Test(.timeLimit(.minutes(30))) func withEmptyBatches() throws {
    var layer = InputLayer([450, 1024], seed: 15)
    var offsets = [0]
    for batch in 0..<121 {
      let size = [0, 30, 31, 32, 63, 64, 96, 119, 120].contains(batch) ? 0 : batch % 3 + 3
      offsets.append(min(450, offsets[batch] + size))
    }
    offsets[119] = 450
    layer.batchOffsets = offsets
    try expectEveryResult(of: [layer], Settings(hasBatchSize: false), [Arrangement(1), Arrangement(2)])
  }

  /// Sizes of batches are written 65,536 at a time: after as many of one sample comes one of three.
  @Test(.timeLimit(.minutes(30))) func sizesOfManyBatches() throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    let layer = try file.root.createGroup("layer")
    let count = 65_536
    let values = (0..<count + 3).map { UInt8($0 % 251) }
    let activations = try layer.createDataset(
      "activations", type: .native(.uint8), shape: [values.count, 1], storage: .contiguous)
    try values.withUnsafeBytes {
      try activations.write(leading: 0..<values.count, as: .native(.uint8), from: $0)
    }
    try layer.createDataset("batch_offsets", type: .int64, shape: [count + 2], storage: .contiguous)
      .writeIntegers(Array(0...count) + [count + 3])
    try file.close()
    try program.write(
      #"{"outputs": ["batches"], "single_value_batch": "allow", "sync": false}"#, to: "configuration.json")
    let result = try program.run(
      ["--in", "input.h5", "--out", "output.h5", "--config", "configuration.json", "--threads", "1"])
    #expect(result.exitCode == 0, "\(result.error)")
    let sizes = try File(reading: program.path("output.h5")).root.dataset("layer/batches/count")
      .readIntegers()
    #expect(sizes.count == count + 1 && sizes.last == 3)
    #expect(sizes.dropLast().allSatisfy { $0 == 1 })
  }

  /// Without statistics of their own, batches have rows of gradients alone.
  @Test(.timeLimit(.minutes(30))) func ofGivenStatistics() throws {
    try expectEveryResult(
      of: [InputLayer([600, 1024], seed: 16)], Settings(batchSize: 5, usesRunningStatistics: true),
      [Arrangement(3)])
  }
}
