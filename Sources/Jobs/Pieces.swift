import BatchNorm
import LayerFiles

/// How a range of samples is divided so that what is read, computed and written one after the other stays in a core's
/// second-level cache: each piece is summed right after it was read, and written right after its results were computed.
struct Pieces {
  /// Samples in a piece that is read; `Int.max` if the source is read best at once.
  private let read: Int
  /// Samples in a piece that is written; `Int.max` if the sink is written best at once.
  private let written: Int

  /// A piece has about this many bytes of x. Smaller ones cost more system calls, larger ones leave the cache.
  private static let pieceBytes = 1 << 18

  init(_ layer: Layer, _ decomposition: Decomposition, _ input: LayerInput, _ target: LayerTarget) {
    // `MaskedMoments` takes whole units.
    let least = layer.mask == nil ? decomposition.samplesPerStretch : decomposition.samplesPerLeaf
    let bytes = least * BufferShape(layer).inputBytes
    let piece = least * max(1, Self.pieceBytes / max(1, bytes))
    read = input.suitsPieces ? piece : .max
    written = input.suitsPieces && target.suitsPieces ? piece : .max
  }

  /// True if samples are read in one piece.
  func readsAtOnce(_ sampleCount: Int) -> Bool { sampleCount <= read }

  /// The pieces in which samples are read, in order.
  func read(_ samples: Range<Int>) -> [Range<Int>] { pieces(samples, read) }

  /// The pieces in which samples are written: from the last to the first, for the last ones that were read are still in the
  /// cache of all cores.
  func written(_ samples: Range<Int>) -> [Range<Int>] { pieces(samples, written).reversed() }

  private func pieces(_ samples: Range<Int>, _ length: Int) -> [Range<Int>] {
    if samples.count <= length { return [samples] }
    return stride(from: samples.lowerBound, to: samples.upperBound, by: length).map {
      $0..<min($0 + length, samples.upperBound)
    }
  }
}
