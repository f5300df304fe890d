import LayerFiles

/// What is continued, for people.
public struct Continuation: Sendable {
  /// The folder with the unfinished output.
  public let folder: String
  /// The share of all samples of all layers whose results are finished, from 0 to 1.
  public let share: Double
  /// Layers of which something is not as it was written, and is computed again.
  public let damaged: [String]

  init(_ earlier: EarlierWork, _ plan: JobPlan, folder: String) {
    self.folder = folder
    share = earlier.share(of: plan.layers)
    damaged = earlier.damaged.keys.sorted().map { plan.layers[$0].path }
  }

  /// Nothing, for something is not as it was written.
  init(folder: String, damaged: [String]) {
    self.folder = folder
    self.damaged = damaged
    share = 0
  }
}

extension EarlierWork {
  /// The share of a layer's samples, counted by features, that is finished, from 0 to 1.
  func share(ofLayer index: Int, _ layer: Layer) -> Double {
    let all = max(1, layer.batches.sampleCount)
    var share = (shardSamples[index] ?? 0) / Double(all) / Double(layer.featureCount)
    for record in slices[index] ?? [] {
      let samples = record.isFinished ? all : layer.samples(before: record.position)
      share += Double(samples) / Double(all) * Double(record.features.count) / Double(layer.featureCount)
    }
    return min(1, share)
  }

  /// The same of all layers, by the bytes that they are read from.
  func share(of layers: [Layer]) -> Double {
    let bytes = layers.map { Double(max(1, $0.inputByteCount)) }
    guard !layers.isEmpty else { return 1 }
    let done = layers.indices.reduce(0) { $0 + bytes[$1] * share(ofLayer: $1, layers[$1]) }
    return min(1, done / bytes.reduce(0, +))
  }
}
