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

  init(_ slice: LayerSlice, workers: Int, memory: Int, clock: StageClock) throws {
    self.slice = slice
    self.clock = clock
    let layer = slice.layer
    func reader(_ dataset: InputDataset) throws -> any TensorReader {
      try dataset.reader(
        layer.layout, featureAxis: layer.featureAxis, readsSlices: slice.features.count < layer.featureCount,
        workers: workers, memory: memory)
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

/// Writes the large results of a slice's samples from buffers, in the type that the file has.
struct SampleWriter: Sendable {
  private let slice: LayerSlice
  private let writers: [(result: LayerResult, writer: any TensorWriter)]
  private let clock: StageClock

  init(_ slice: LayerSlice, to writers: [LayerResult: any TensorWriter], clock: StageClock) {
    self.slice = slice
    self.clock = clock
    self.writers = slice.layer.largeResults.compactMap { result in writers[result].map { (result, $0) } }
  }

  /// True if samples can as well be written in stretches.
  var suitsStretches: Bool { writers.allSatisfy(\.writer.suitsStretches) }

  /// Encodes and writes samples that the apply pass has computed.
  /// - Parameter notes: told of numbers that become infinite, and of what is written.
  func write(_ samples: Range<Int>, from buffers: SampleBuffers, _ notes: inout WorkNotes) throws {
    guard !samples.isEmpty else { return }
    let (layout, type) = (buffers.layout, slice.layer.outputType)
    for (result, writer) in writers {
      guard let start = layout.place(of: result) else { continue }
      let computed = buffers.bytes(of: samples, at: start, perSample: layout.outputBytesPerSample)
      let count = computed.count / layout.outputType.byteCount
      if type != layout.outputType.numericType {
        notes.overflows += clock.measure(.encode) {
          Encoding.encode(computed, count: count, from: layout.outputType, to: type)
        }
      }
      let stored = UnsafeRawBufferPointer(rebasing: computed[..<(count * type.byteCount)])
      let part = slice.part(samples)
      // First, while it is in the cache.
      try notes.note(result, part, stored)
      try writer.write(part, from: stored)
      clock.addBytesWritten(stored.count)
    }
  }
}
