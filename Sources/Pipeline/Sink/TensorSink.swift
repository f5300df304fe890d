import HDF5

/// Where the samples of a large output go: contiguous, written around the library with `pwrite` from all threads.
struct TensorSink: SampleSink {
  let file: PositionalFile
  /// The first byte; nil if the dataset is empty.
  let offset: Int64?
  let sampleByteCount: Int
  let clock: StageClock

  var suitsPieces: Bool { true }

  func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) throws {
    guard let offset, !samples.isEmpty else { return }
    try clock.measure(.write) {
      try file.write(at: offset + Int64(samples.lowerBound) * Int64(sampleByteCount), from: buffer)
    }
  }
}
