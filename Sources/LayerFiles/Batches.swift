import Configuration

/// The batches of a layer: consecutive ranges of its samples.
public struct Batches: Sendable, Equatable {
  /// How the samples are divided.
  public enum Division: Sendable, Equatable {
    /// Every batch has this many samples, but perhaps the last.
    case uniform(size: Int)
    /// Batch b is samples offsets[b] ..< offsets[b + 1].
    case offsets([Int])
  }

  /// How the samples are divided.
  public let division: Division
  /// Samples in all batches together: less than there are if an incomplete last batch is dropped.
  public let sampleCount: Int
  /// The samples of the largest batch.
  public let largest: Int
  /// Samples of the last batch that are left out.
  public let droppedSamples: Int

  /// Equal batches of `size` samples.
  /// - Returns: nil if the last one is incomplete and that is an error.
  public init?(samples: Int, size: Int, partialBatch: PartialBatchPolicy) {
    let rest = samples % size
    if rest > 0 && partialBatch == .error { return nil }
    droppedSamples = partialBatch == .drop ? rest : 0
    sampleCount = samples - droppedSamples
    largest = min(size, sampleCount)
    division = .uniform(size: size)
  }

  /// Batches between given boundaries, which ascend from 0.
  public init(offsets: [Int]) {
    division = .offsets(offsets)
    sampleCount = offsets.last ?? 0
    droppedSamples = 0
    largest = zip(offsets, offsets.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) }
  }

  /// How many batches there are, empty ones included.
  public var count: Int {
    switch division {
    case .uniform(let size): sampleCount == 0 ? 0 : (sampleCount - 1) / size + 1
    case .offsets(let offsets): max(0, offsets.count - 1)
    }
  }

  /// The samples of batch `index`; there may be none.
  public subscript(index: Int) -> Range<Int> {
    switch division {
    case .uniform(let size):
      // Sizes beyond the last sample are allowed, up to the largest number.
      index * size..<index * size + min(size, sampleCount - index * size)
    case .offsets(let offsets): offsets[index]..<offsets[index + 1]
    }
  }

  /// The batch that a sample is in.
  package func index(ofSample sample: Int) -> Int {
    switch division {
    case .uniform(let size): return sample / size
    // Of several that begin there the last one: the others are empty.
    case .offsets(let offsets): return offsets.dropLast().lastIndex(atOrBelow: sample)
    }
  }

  /// Batches without any sample.
  public var emptyCount: Int {
    switch division {
    case .uniform: 0
    case .offsets: (0..<count).count { self[$0].isEmpty }
    }
  }

  /// The first batch with exactly `size` samples.
  package func first(ofSize size: Int) -> Int? {
    switch division {
    case .uniform(let uniform):
      if sampleCount == 0 { return nil }
      if uniform == size && sampleCount >= size { return 0 }
      return self[count - 1].count == size ? count - 1 : nil
    case .offsets: return (0..<count).first { self[$0].count == size }
    }
  }
}

extension Collection<Int> where Index == Int {
  /// The last place of ascending numbers from 0 on where one is at most `limit`; the first place if none is.
  func lastIndex(atOrBelow limit: Int) -> Int {
    var (low, high) = (0, count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if self[middle] <= limit { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
