/// Collects the moments that a batch needs, for a tile of its features: those of all values, and with a mask also those of the
/// values that count.
///
/// A collector takes samples in order, from the batch's first one or from any leaf on. What collectors of successive parts of a
/// batch collected joins to the very bits of one collector for all of it, wherever the cuts between leaves were:
///
///     first.append(second)                                  in memory
///     let part = second.takePart(); try first.append(part)  with a value between, which can be written down
///
/// Used by one thread at a time.
public final class MomentCollector {
  /// How the batch is cut.
  public let decomposition: Decomposition
  private let octets: Range<Int>
  private let all: MomentAccumulator
  private let counted: MaskedMoments?
  private let diagnostics: StatisticsSums?
  private let isCentered: Bool
  /// The leaf that what was added begins at.
  private var firstLeaf = 0
  /// How many samples were added.
  private var samples = 0

  /// A collector of no samples, from leaf 0 on.
  /// - Parameters:
  ///   - decomposition: how the layer is cut.
  ///   - octets: the tile, octets of columns; all of them unless `Decomposition.octetsAreFeatures`. nil for all.
  ///   - hasMask: true if a mask leaves some values out of the statistics.
  ///   - centers: those of the rule that the result has, `NormalizationRule.centers`.
  ///   - diagnoses: true for what the diagnostics of a result need besides.
  public init(
    _ decomposition: Decomposition, octets: Range<Int>? = nil, hasMask: Bool, centers: ProductCenters? = nil,
    diagnoses: Bool = false
  ) {
    self.decomposition = decomposition
    self.octets = octets ?? 0..<decomposition.octetCount
    isCentered = centers != nil
    all = MomentAccumulator(decomposition, octets: self.octets, centers: hasMask ? nil : centers)
    counted = hasMask ? MaskedMoments(decomposition, features: all.features, centers: centers) : nil
    diagnostics =
      diagnoses ? StatisticsSums(decomposition, octets: self.octets, hasMask: hasMask) : nil
  }

  /// Bytes that a collector for all features takes.
  /// - Parameters:
  ///   - decomposition: how the layer is cut.
  ///   - samples: as many as it takes at most, from leaf 0 on.
  ///   - hasMask: as for the collector.
  ///   - hasCenters: true if the rule has centers.
  ///   - diagnoses: as for the collector.
  public static func memory(
    _ decomposition: Decomposition, samples: Int, hasMask: Bool, hasCenters: Bool = false,
    diagnoses: Bool = false
  ) -> Int {
    MomentAccumulator.memory(decomposition, samples: samples)
      + (hasMask ? MaskedMoments.memory(decomposition, samples: samples) : 0)
      + (hasCenters ? ProductCenters.memory(octetCount: decomposition.octetCount) : 0)
      + (diagnoses ? StatisticsSums.memory(decomposition, samples: samples, hasMask: hasMask) : 0)
  }

  /// The features of the tile.
  public var features: Range<Int> { all.features }

  /// Says which leaf comes first: leaf i begins at sample i · `Decomposition.samplesPerLeaf` of the batch. Only before anything is
  /// added.
  public func begin(atLeaf leaf: Int) {
    precondition(samples == 0)
    firstLeaf = leaf
    all.begin(atLeaf: leaf)
    counted?.begin(atLeaf: leaf)
    diagnostics?.begin(atLeaf: leaf)
  }

  /// Adds samples that follow those added before.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - mask: [samples, P, S], 0 where a value counts in no statistic; nil for a collector without mask.
  ///   - samples: a multiple of `Decomposition.samplesPerStretch`, with a mask of `samplesPerLeaf`, but for the last samples of the
  ///     batch.
  public func add(x: ReadableTensor, dy: ReadableTensor?, mask: UnsafePointer<UInt8>?, samples: Int) {
    precondition((mask == nil) == (counted == nil) || samples == 0)
    all.add(x: x, dy: dy, samples: samples)
    diagnostics?.add(x: x, dy: dy, samples: samples)
    if let counted, let mask { counted.add(x: x, dy: dy, mask: mask, samples: samples) }
    self.samples += samples
  }

  /// Adds what another collector of the same tile collected from the samples that follow; the other one begins anew.
  public func append(_ other: MomentCollector) {
    precondition(isCentered == other.isCentered)
    precondition(follows(firstLeaf: other.firstLeaf, samples: other.samples) == nil)
    all.append(other.all)
    if let counted, let more = other.counted { counted.append(more) }
    if let diagnostics, let more = other.diagnostics { diagnostics.append(more) }
    samples += other.samples
    other.beginAnew()
  }

  /// Writes the moments of the tile's features and begins anew.
  /// - Parameter result: of the same layout, with a mask if the collector has one.
  public func finish(into result: BatchResult) {
    all.finish(into: result.all)
    if let weighed = result.weighed { counted?.finish(into: result.counted, weighed) }
    if let sums = result.diagnostics { diagnostics?.finish(into: sums) }
    beginAnew()
  }

  private func beginAnew() {
    firstLeaf = 0
    samples = 0
  }

  // MARK: - Parts of a batch as values

  /// What was collected, as a value that can be written down; the collector begins anew. It must have all features.
  public func takePart() -> PartialMoments {
    precondition(octets == 0..<decomposition.octetCount)
    precondition(diagnostics == nil, "a part of a batch holds no diagnostics")
    defer { beginAnew() }
    return PartialMoments(
      decomposition: decomposition, firstLeaf: firstLeaf, samples: samples, isCentered: isCentered,
      all: all.takePart(), masked: counted?.takePart())
  }

  /// Adds what is known of the samples that follow.
  /// - Throws: `PartialMomentsError` if they do not follow, or the part is of another layout or has no mask where the collector has
  ///   one; nothing was added then.
  public func append(_ part: PartialMoments) throws(PartialMomentsError) {
    precondition(octets == 0..<decomposition.octetCount)
    guard part.decomposition.fingerprint == decomposition.fingerprint else {
      throw .anotherDecomposition(found: part.decomposition.layout, expected: decomposition.layout)
    }
    precondition(diagnostics == nil, "a part of a batch holds no diagnostics")
    guard part.hasMask == (counted != nil) else { throw .anotherMask(found: part.hasMask) }
    guard part.isCentered == isCentered else { throw .anotherCenter(found: part.isCentered) }
    if let error = follows(firstLeaf: part.firstLeaf, samples: part.samples) { throw error }
    all.append(part.all)
    if let counted, let more = part.masked { counted.append(more) }
    samples += part.samples
  }

  /// Why samples cannot be appended; nil if they follow those that were added.
  private func follows(firstLeaf next: Int, samples: Int) -> PartialMomentsError? {
    let end = firstLeaf + decomposition.leafCount(samples: self.samples)
    if next > end { return .gap(end..<next) }
    if next < end { return .overlap(next..<end) }
    // The last leaf of a batch may hold fewer samples; no other.
    return samples > 0 && !self.samples.isMultiple(of: decomposition.samplesPerLeaf)
      ? .insideLeaf(end - 1) : nil
  }
}
