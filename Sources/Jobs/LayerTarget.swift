import BatchNorm
import Configuration
import HDF5
import LayerFiles
import Parallel
import Synchronization

/// Writes ranges of a layer's results from sets of buffers, in the type that the file has.
final class LayerTarget: Sendable {
  private let layer: Layer
  private let sinks: [(tensor: OutputTensor, sink: any SampleSink)]
  private let clock: StageClock
  private let overflows = Atomic<Int>(0)

  /// Only after the file was flushed.
  init(_ layer: Layer, _ destination: any LayerDestination, clock: StageClock) {
    self.layer = layer
    self.clock = clock
    sinks = OutputTensor.large.compactMap { tensor in
      destination.sink(tensor).map { (tensor, $0) }
    }
  }

  /// Values that did not fit the type they are written in, so far.
  var overflowCount: Int { overflows.load(ordering: .relaxed) }

  func addOverflows(_ count: Int) {
    if count > 0 { overflows.wrappingAdd(count, ordering: .relaxed) }
  }

  /// True if samples can as well be written in pieces.
  var suitsPieces: Bool { sinks.allSatisfy(\.sink.suitsPieces) }

  /// Writes a part of a set.
  /// - Parameter first: where in the set the samples lie.
  func write(_ samples: Range<Int>, from set: BufferSet, at first: Int) throws {
    let count = samples.count * layer.layout.valuesPerSample
    let start = first * set.shape.outputBytes
    for (tensor, sink) in sinks {
      guard let buffer = set.outputBuffer(tensor) else { continue }
      let computed = UnsafeMutableRawBufferPointer(
        rebasing: buffer.bytes[start..<start + count * set.shape.outputKernel.byteCount])
      if layer.outputType != set.shape.outputKernel.numericType {
        clock.measure(.encode) {
          addOverflows(
            Encoding.encode(computed, count: count, from: set.shape.outputKernel, to: layer.outputType))
        }
      }
      let stored = UnsafeRawBufferPointer(rebasing: computed[..<(count * layer.outputType.byteCount)])
      try sink.write(samples: samples, from: stored)
      clock.addBytesWritten(stored.count)
    }
  }
}
