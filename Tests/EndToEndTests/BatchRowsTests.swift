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

  /// Without statistics of their own, batches have rows of gradients alone.
  @Test(.timeLimit(.minutes(30))) func ofGivenStatistics() throws {
    try expectEveryResult(
      of: [InputLayer([600, 1024], seed: 16)], Settings(batchSize: 5, usesRunningStatistics: true),
      [Arrangement(3)])
  }
}
