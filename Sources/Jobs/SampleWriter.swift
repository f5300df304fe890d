import BatchNorm
import HDF5
import LayerFiles
import Parallel

/// Writes the large results of a slice's samples from buffers, in the type that the file has.
struct SampleWriter: Sendable {
  private let slice: LayerSlice
  private let writers: [(result: LayerResult, writer: any TensorWriter)]
  private let counts: LayerCounts
  private let clock: StageClock

  /// - Parameter counts: told of numbers that become infinite.
  init(
    _ slice: LayerSlice, to writers: [LayerResult: any TensorWriter], counts: LayerCounts, clock: StageClock
  ) {
    self.slice = slice
    self.counts = counts
    self.clock = clock
    self.writers = slice.layer.largeResults.compactMap { result in writers[result].map { (result, $0) } }
  }

  /// True if samples can as well be written in stretches.
  var suitsStretches: Bool { writers.allSatisfy(\.writer.suitsStretches) }

  /// Encodes and writes samples that the apply pass has computed.
  func write(_ samples: Range<Int>, from buffers: SampleBuffers) throws {
    guard !samples.isEmpty else { return }
    let (layout, type) = (buffers.layout, slice.layer.outputType)
    for (result, writer) in writers {
      guard let start = layout.place(of: result) else { continue }
      let computed = buffers.bytes(of: samples, at: start, perSample: layout.outputBytesPerSample)
      let count = computed.count / layout.outputType.byteCount
      if type != layout.outputType.numericType {
        counts.addOverflows(
          clock.measure(.encode) {
            Encoding.encode(computed, count: count, from: layout.outputType, to: type)
          })
      }
      let stored = UnsafeRawBufferPointer(rebasing: computed[..<(count * type.byteCount)])
      try writer.write(slice.part(samples), from: stored)
      clock.addBytesWritten(stored.count)
    }
  }
}
