import BatchNorm

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
    let least = layer.mask == nil ? decomposition.samplesPerPiece : decomposition.samplesPerUnit
    let bytes = least * BufferShape(layer).inputBytes
    let piece = least * max(1, Self.pieceBytes / max(1, bytes))
    read = input.suitsPieces ? piece : .max
    written = target.suitsPieces ? piece : .max
  }

  /// True if samples are read in one piece.
  func readsAtOnce(_ sampleCount: Int) -> Bool { sampleCount <= read }

  /// Reads samples, and hands each piece on.
  func forEachRead(_ samples: Range<Int>, _ body: (Range<Int>) throws -> Void) rethrows {
    try forEach(samples, read, body)
  }

  /// Hands on the pieces in which samples are written.
  func forEachWritten(_ samples: Range<Int>, _ body: (Range<Int>) throws -> Void) rethrows {
    try forEach(samples, written, body)
  }

  private func forEach(_ samples: Range<Int>, _ length: Int, _ body: (Range<Int>) throws -> Void) rethrows {
    var first = samples.lowerBound
    while first < samples.upperBound {
      let end = samples.upperBound - first > length ? first + length : samples.upperBound
      try body(first..<end)
      first = end
    }
  }
}
