import BatchNorm
import HDF5
import LayerFiles
import Parallel

/// Reads samples of a slice into buffers, as numbers that kernels compute on.
struct SampleReader: Sendable {
  private let slice: LayerSlice
  private let activations: any TensorReader
  private let gradOutput: (any TensorReader)?
  private let mask: MaskReader?
  private let clock: StageClock

  init(_ slice: LayerSlice, from file: InputFile, workers: Int, memory: Int, clock: StageClock) throws {
    self.slice = slice
    self.clock = clock
    let layer = slice.layer
    func reader(_ dataset: InputDataset) throws -> any TensorReader {
      try dataset.reader(
        layer.layout, featureAxis: layer.featureAxis, readsSlices: slice.features.count < layer.featureCount,
        in: file, workers: workers, memory: memory)
    }
    activations = try reader(layer.activations)
    gradOutput = layer.readsGradient ? try layer.gradOutput.map(reader) : nil
    mask = try layer.mask.map { try MaskReader($0, positions: layer.layout.valuesPerFeatureAndSample) }
  }

  /// True if samples can as well be read in stretches.
  var suitsStretches: Bool { activations.suitsStretches && gradOutput?.suitsStretches != false }

  /// Brings samples into buffers that have room for them, unless they are there.
  func read(_ samples: Range<Int>, into buffers: SampleBuffers) throws {
    guard !samples.isEmpty, !buffers.holds(samples) else { return }
    let layout = buffers.layout
    try read(activations, samples, into: buffers, at: layout.x)
    if let gradOutput, let dy = layout.dy { try read(gradOutput, samples, into: buffers, at: dy) }
    if let mask, let start = layout.mask {
      try clock.measure(.read) {
        try mask.read(
          samples: samples,
          into: buffers.bytes(of: samples, at: start, perSample: layout.maskBytesPerSample)
            .bindMemory(to: UInt8.self))
      }
    }
    buffers.didLoad(samples)
  }

  private func read(
    _ reader: any TensorReader, _ samples: Range<Int>, into buffers: SampleBuffers, at start: Int
  ) throws {
    let kernel = buffers.layout.inputType
    let decoded = buffers.bytes(of: samples, at: start, perSample: buffers.layout.inputBytesPerSample)
    let count = decoded.count / kernel.byteCount
    // What is stored is never wider; it lies at the end, and is decoded from the beginning.
    let stored = UnsafeMutableRawBufferPointer(
      rebasing: decoded[(decoded.count - count * reader.type.byteCount)...])
    try reader.read(slice.part(samples), into: stored, clock: clock)
    clock.addBytesRead(stored.count)
    if reader.type != kernel.numericType {
      clock.measure(.decode) { Decoding.decode(decoded, count: count, from: reader.type, to: kernel) }
    }
  }
}
