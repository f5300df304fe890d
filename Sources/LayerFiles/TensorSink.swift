import HDF5
import Parallel

/// Where the samples of a large output go: contiguous, written around the library with `pwrite` from all threads.
package struct TensorSink: SampleSink {
  package let file: PositionalFile
  /// The first byte; nil if the dataset is empty.
  package let offset: Int64?
  package let sampleByteCount: Int
  package let clock: StageClock

  package var suitsPieces: Bool { true }

  package func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) throws {
    guard let offset, !samples.isEmpty else { return }
    try clock.measure(.write) {
      try file.write(at: offset + Int64(samples.lowerBound) * Int64(sampleByteCount), from: buffer)
    }
  }
}
