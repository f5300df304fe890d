import BatchNorm
import Configuration
import LayerFiles

/// What a shard has of a layer: whole batches, and parts of batches that it shares with other shards.
struct ShardPiece: Sendable, Equatable {
  /// Those that it has alone.
  var batches: Range<Int>
  /// The end of a batch before them and the beginning of one after them; or one part within a batch.
  var parts: [BatchPart]

  var isEmpty: Bool { batches.isEmpty && parts.isEmpty }
}

/// Some samples of a batch, cut at leaves of its tree.
struct BatchPart: Sendable, Hashable {
  var batch: Int
  /// Counted from the batch's first.
  var samples: Range<Int>
}

/// What of each layer a shard computes: the samples of all layers one after the other, cut so that each shard moves about as many
/// bytes as any other. Cuts are between batches, or within a batch that is large beside a shard: there between leaves, so that the
/// moments of its parts join to the very bits of the whole.
struct ShardDivision: Sendable {
  private let layers: [Layer]
  let count: Int
  /// Bytes of the layers before each one, and of all.
  private var starts: [Double] = []
  private var total = 0.0

  init(_ layers: [Layer], count: Int) {
    self.layers = layers
    self.count = count
    for layer in layers {
      starts.append(total)
      total += Double(layer.inputByteCount + layer.outputByteCount)
    }
  }

  /// True if a batch of a layer is larger than half of what a shard has on average: whole ones would leave shards without work.
  ///
  /// What is gathered for diagnostics has no form in which it could be sent from one process to another.
  func cutsBatches(ofLayer index: Int) -> Bool {
    let layer = layers[index]
    guard count > 1, !layer.diagnoses, layer.batches.sampleCount > 0 else { return false }
    let share = Double(layer.batches.largest) / Double(layer.batches.sampleCount)
    return bytes(ofLayer: index) * share > total / Double(count) / 2
  }

  /// How often a shard has to come at most: twice where batches are cut whose results are written.
  var turns: Int {
    let isCut = layers.indices.contains { index in
      layers[index].writesLargeResults && cutsBatches(ofLayer: index)
        && (1..<count).contains { cut(before: $0, layer: index).within != nil }
    }
    return isCut ? 2 : 1
  }

  private func bytes(ofLayer index: Int) -> Double {
    (index + 1 < starts.count ? starts[index + 1] : total) - starts[index]
  }

  /// Where a layer is cut.
  private struct Cut {
    /// The first batch that begins there or later.
    var batch: Int
    /// So many samples of the batch before it come before the cut; nil if the cut is not within a batch.
    var within: Int?
  }

  /// The cut before a shard; the end of the layer for those that come later, and its beginning for those that come earlier.
  private func cut(before shard: Int, layer index: Int) -> Cut {
    let (layer, bytes) = (layers[index], bytes(ofLayer: index))
    let batches = layer.batches
    let place = total * Double(shard) / Double(count) - starts[index]
    if shard == 0 || place <= 0 { return Cut(batch: 0) }
    if shard == count || place >= bytes { return Cut(batch: batches.count) }
    let sample = min(batches.sampleCount - 1, Int(place / bytes * Double(batches.sampleCount)))
    let number = batches.index(ofSample: sample)
    let batch = batches[number]
    guard sample > batch.lowerBound else { return Cut(batch: first(notBefore: sample, in: batches)) }
    if cutsBatches(ofLayer: index) {
      let leaf = Decomposition(layer.layout).samplesPerLeaf
      let within = (sample - batch.lowerBound + leaf / 2) / leaf * leaf
      if within == 0 { return Cut(batch: first(notBefore: batch.lowerBound, in: batches)) }
      if within < batch.count { return Cut(batch: number + 1, within: within) }
    }
    return Cut(batch: number + 1)
  }

  /// The first batch that begins at a sample or later: of several the first, for others are empty.
  private func first(notBefore sample: Int, in batches: Batches) -> Int {
    var (low, high) = (0, batches.count)
    while low < high {
      let middle = (low + high) / 2
      if batches[middle].lowerBound < sample { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// What a shard has of a layer; there may be nothing.
  func piece(ofLayer index: Int, shard: Int) -> ShardPiece {
    let batches = layers[index].batches
    guard batches.sampleCount > 0, total > 0 else {
      return ShardPiece(batches: shard == 0 ? 0..<batches.count : 0..<0, parts: [])
    }
    let (start, end) = (cut(before: shard, layer: index), cut(before: shard + 1, layer: index))
    let last = end.within == nil ? end.batch : end.batch - 1
    if let first = start.within, let within = end.within, start.batch == end.batch {
      // All within one batch.
      let part = BatchPart(batch: last, samples: first..<within)
      return ShardPiece(batches: last..<last, parts: part.samples.isEmpty ? [] : [part])
    }
    var parts: [BatchPart] = []
    if let first = start.within {
      let batch = start.batch - 1
      parts.append(BatchPart(batch: batch, samples: first..<batches[batch].count))
    }
    if let within = end.within { parts.append(BatchPart(batch: last, samples: 0..<within)) }
    return ShardPiece(batches: start.batch..<max(start.batch, last), parts: parts)
  }

  /// The shards that share a batch, in the order of their parts, each with its part.
  func sharers(ofBatch batch: Int, layer index: Int) -> [(shard: Int, part: BatchPart)] {
    // The cuts before shards ascend.
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      let cut = cut(before: middle + 1, layer: index)
      if cut.batch > batch { high = middle } else { low = middle + 1 }
    }
    var sharers: [(shard: Int, part: BatchPart)] = []
    for shard in low..<count {
      // A shard may have nothing of it where leaves are large.
      if let part = piece(ofLayer: index, shard: shard).parts.first(where: { $0.batch == batch }) {
        sharers.append((shard, part))
      }
      let end = cut(before: shard + 1, layer: index)
      guard end.batch == batch + 1, end.within != nil else { break }
    }
    return sharers
  }
}
