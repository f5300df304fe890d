import BatchNorm

/// Collects the moments that a batch of one layer needs, for a tile of its features: those of all values, and with a mask
/// also those of the values that count.
final class MomentCollector {
  private let all: MomentAccumulator
  private let counted: MaskedMoments?

  /// - Parameter groups: the tile, groups of eight columns.
  init(_ layer: Layer, _ decomposition: Decomposition, groups: Range<Int>) {
    all = MomentAccumulator(decomposition, groups: groups)
    counted = layer.mask == nil ? nil : MaskedMoments(decomposition, features: all.features)
  }

  /// The features of the tile.
  var features: Range<Int> { all.features }

  /// Adds `samples` samples of a set, from `first` on, that follow those added before.
  func add(_ set: BufferSet, from first: Int, samples: Int) {
    let x = set.input(set.x, from: first)
    all.add(x: x, dy: set.dy.map { set.input($0, from: first) }, samples: samples)
    if let counted, let mask = set.maskPointer(from: first) {
      counted.add(x: x, mask: mask, samples: samples)
    }
  }

  /// Adds what another collector of the same tile collected from the samples that follow.
  func append(_ other: MomentCollector) {
    all.append(other.all)
    if let counted, let more = other.counted { counted.append(more) }
  }

  /// Writes the moments of the tile's features and begins anew.
  func finish(_ moments: BatchMoments) {
    all.finish(into: moments.all)
    if let counted {
      counted.finish(into: moments.counted)
    } else {
      for feature in features { moments.counted[feature] = moments.all[feature] }
    }
  }
}

/// The moments of one batch for all features of a layer, and the coefficients that follow from them.
///
/// Tiles write their own features only.
final class BatchMoments {
  /// [C], of all values.
  let all: UnsafeMutablePointer<FeatureMoments>
  /// [C], of the values that count in the statistics.
  let counted: UnsafeMutablePointer<FeatureMoments>
  /// [C]
  let coefficients: UnsafeMutablePointer<FeatureCoefficients>
  private let layer: Layer

  init(_ layer: Layer) {
    self.layer = layer
    all = .allocate(capacity: layer.featureCount)
    counted = .allocate(capacity: layer.featureCount)
    coefficients = .allocate(capacity: layer.featureCount)
    all.initialize(repeating: FeatureMoments(), count: layer.featureCount)
    counted.initialize(repeating: FeatureMoments(), count: layer.featureCount)
    updateCoefficients(0..<layer.featureCount)
  }

  deinit {
    all.deallocate()
    counted.deallocate()
    coefficients.deallocate()
  }

  /// Computes the coefficients of some features from their moments.
  func updateCoefficients(_ features: Range<Int>) {
    for feature in features {
      coefficients[feature] = FeatureCoefficients(
        all: all[feature], statistics: counted[feature], normalization: layer.normalization,
        given: layer.running[feature], parameters: layer.parameters?[feature], epsilon: layer.epsilon)
    }
  }

  /// What the batch gives beside its large tensors.
  func result(batch: Int) -> BatchResult {
    let count = layer.featureCount
    return BatchResult(
      batch: batch, statistics: Array(UnsafeBufferPointer(start: counted, count: count)),
      all: Array(UnsafeBufferPointer(start: all, count: count)),
      coefficients: Array(UnsafeBufferPointer(start: coefficients, count: count)),
      maskedValues: layer.mask == nil ? 0 : all[0].count - counted[0].count)
  }

  /// How many numbers of the visited samples became infinite though everything that they come from is finite.
  func overflowCount(_ visit: Visit) -> Int {
    visit.infiniteOutputs(layer.layout) { feature in
      self.all[feature].nonfiniteValues.total == 0 && self.all[feature].nonfiniteGradients.total == 0
        && self.coefficients[feature].isFinite
    }
  }
}
