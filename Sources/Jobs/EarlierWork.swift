import LayerFiles

/// What an earlier run finished of a job.
struct EarlierWork: Sendable {
  /// The last word on each slice of each layer, by the layer's number in the plan.
  private(set) var slices: [Int: [SliceRecord]] = [:]
  /// Parts that are not what was written, and are computed again.
  private(set) var damaged: [Int: Int] = [:]
  /// Parts of which there are copies, in the order in which they were written, by the layer's number.
  private(set) var parts: [Int: [WrittenPart]] = [:]
  /// Chunks of which there are copies, by the layer's number.
  private(set) var chunks: [Int: [LayerResult: [Int: Spool.Place]]] = [:]

  /// Samples times features that shards finished, by the layer's number.
  private(set) var shardSamples: [Int: Double] = [:]

  /// Nothing.
  init() {}

  /// Counts what a shard finished of a layer.
  mutating func add(_ record: ShardRecord, of layer: Layer) {
    let samples =
      switch record.work {
      case .batches(let batches, _): Double(layer.samples(in: batches))
      // One of two passes.
      case .moments(_, let moments): Double(moments.samples) / (layer.writesLargeResults ? 2 : 1)
      case .written(let part): Double(part.samples.count) / 2
      }
    shardSamples[record.layer, default: 0] += samples * Double(record.features.count)
  }

  /// Reads a ledger, and looks whether what it says was written is there.
  /// - Parameters:
  ///   - begin: is given the first record.
  ///   - checks: tells whether all that a record says is there as it was written.
  init(
    _ ledger: Ledger, _ layers: [Layer], begin: ([UInt8]) throws -> Void,
    checks: (SliceRecord) throws -> Bool
  ) throws {
    var isFirst = true
    var broken: Set<[Int]> = []
    try ledger.read { bytes in
      if isFirst {
        isFirst = false
        return try begin(bytes)
      }
      guard var record = SliceRecord(bytes, layers) else { return }
      let key = [record.layer, record.features.lowerBound, record.features.upperBound]
      guard !broken.contains(key) else { return }
      // What comes after builds on it.
      guard try checks(record) else {
        broken.insert(key)
        damaged[record.layer, default: 0] += 1
        return
      }
      let copied = record.parts.filter { $0.copy != nil }
      if !copied.isEmpty { parts[record.layer, default: []] += copied }
      for written in record.chunks {
        chunks[record.layer, default: [:]][written.result, default: [:]][written.chunk.chunk] =
          written.chunk.place
      }
      record.parts = []
      record.chunks = []
      slices[record.layer, default: []].removeAll { $0.features == record.features }
      slices[record.layer, default: []].append(record)
    }
  }

  /// The last word on a slice; nil if there is none.
  func record(of features: Range<Int>, ofLayer layer: Int) -> SliceRecord? {
    slices[layer]?.first { $0.features == features }
  }
}
