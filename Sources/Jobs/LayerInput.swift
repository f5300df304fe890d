import BatchNorm
import Configuration
import HDF5
import LayerFiles
import Parallel

/// Reads ranges of a layer's samples into sets of buffers, as numbers that kernels compute on.
struct LayerInput: Sendable {
  private let layer: Layer
  private let activations: any TensorSource
  private let gradOutput: (any TensorSource)?
  private let mask: MaskSource?
  private let clock: StageClock

  init(_ layer: Layer, file: PositionalFile, workers: Int, memory: Int, clock: StageClock) throws {
    self.layer = layer
    self.clock = clock
    activations = try layer.activations.source(file, workers: workers, memory: memory)
    gradOutput =
      layer.readsGradient ? try layer.gradOutput?.source(file, workers: workers, memory: memory) : nil
    mask = layer.mask.map {
      MaskSource(mask: $0, positions: layer.layout.valuesPerFeatureAndSample, path: file.path)
    }
  }

  /// True if samples can as well be read in pieces.
  var suitsPieces: Bool { activations.suitsPieces && gradOutput?.suitsPieces != false }

  /// Fills a part of a set.
  /// - Parameter first: where in the set the samples go.
  func read(_ samples: Range<Int>, into set: BufferSet, at first: Int) throws {
    try read(activations, samples, into: set.x, at: first, set.shape.kernel)
    if let gradOutput, let dy = set.dy {
      try read(gradOutput, samples, into: dy, at: first, set.shape.kernel)
    }
    if let mask, let buffer = set.mask {
      try clock.measure(.read) {
        let bytes = buffer.bytes.bindMemory(to: UInt8.self)
        let start = first * mask.positions
        try mask.read(
          samples: samples,
          into: UnsafeMutableBufferPointer(rebasing: bytes[start..<start + samples.count * mask.positions]))
      }
    }
  }

  private func read(
    _ source: any TensorSource, _ samples: Range<Int>, into buffer: AlignedBuffer, at first: Int,
    _ kernel: KernelType
  ) throws {
    let count = samples.count * layer.layout.valuesPerSample
    let stored = count * source.type.byteCount
    let start = first * layer.layout.valuesPerSample * kernel.byteCount
    let decoded = UnsafeMutableRawBufferPointer(
      rebasing: buffer.bytes[start..<start + count * kernel.byteCount])
    try source.read(
      samples: samples, into: UnsafeMutableRawBufferPointer(rebasing: decoded[(decoded.count - stored)...]),
      clock: clock)
    clock.addBytesRead(stored)
    if source.type != kernel.numericType {
      clock.measure(.decode) { Decoding.decode(decoded, count: count, from: source.type, to: kernel) }
    }
  }
}
