import Arithmetic

/// What a batch gives beside its large tensors: its moments, of all values and of those that count, what is not finite, how many
/// outputs overflowed; and the coefficients that follow from the moments.
///
///     result.take(collector)                               // after the statistics pass
///     tensors.apply(result.coefficients, octets: octets)   // the apply pass
///     let bytes = result.record()                          // all of it but the coefficients
///     try result.restore(from: bytes)                      // the same result, with its coefficients
///
/// Tiles write their own features only. Used by one thread at a time while it is written.
public final class BatchResult {
  /// The moments of all values.
  public let all: BatchMoments
  /// The moments of the values that count in the statistics; `all` itself if there is no mask.
  public let counted: BatchMoments
  /// Under a mask the sums Σdy·(x - center) and Σdy of all values, in place of their means; nil if there is none.
  let weighed: BatchMoments?
  /// What the apply pass needs.
  public let coefficients: BatchCoefficients
  /// What is summed for diagnostics; nil unless they are asked for.
  public let diagnostics: BatchDiagnostics?
  /// Outputs that became infinite though everything that they come from is finite; whoever runs the apply pass adds them up.
  public var overflowedOutputs = 0

  /// The result of a batch without values.
  /// - Parameters:
  ///   - decomposition: how the layer is cut.
  ///   - rule: one for all batches of a layer.
  ///   - hasMask: true if a mask leaves some values out of the statistics.
  ///   - diagnoses: true for a result that holds diagnostics.
  public init(
    _ decomposition: Decomposition, _ rule: NormalizationRule, hasMask: Bool, diagnoses: Bool = false
  ) {
    let featureCount = decomposition.layout.featureCount
    all = BatchMoments(featureCount: featureCount)
    counted = hasMask ? BatchMoments(featureCount: featureCount) : all
    weighed = hasMask ? BatchMoments(featureCount: featureCount) : nil
    coefficients = BatchCoefficients(decomposition, rule)
    diagnostics = diagnoses ? BatchDiagnostics(featureCount: featureCount) : nil
  }

  /// Bytes that a result takes.
  public static func memory(_ decomposition: Decomposition, hasMask: Bool, diagnoses: Bool = false) -> Int {
    let featureCount = decomposition.layout.featureCount
    return BatchMoments.memory(featureCount: featureCount) * (hasMask ? 3 : 1)
      + BatchCoefficients.memory(decomposition)
      + (diagnoses ? BatchDiagnostics.memory(featureCount: featureCount) : 0)
  }

  /// True if a mask leaves some values out of the statistics.
  var hasMask: Bool { counted !== all }

  /// Takes what a collector has seen of the batch, for the features of its tile; the collector begins anew.
  public func take(_ collector: MomentCollector) {
    collector.finish(into: self)
    updateCoefficients(collector.features)
  }

  /// Computes the coefficients of some features from their moments.
  public func updateCoefficients(_ features: Range<Int>) {
    coefficients.update(features, all: all, statistics: counted, weighed: weighed)
  }

  /// Values that a mask leaves out, of each feature.
  public var maskedValues: Int { all.count - counted.count }

  /// The features whose dγ or dβ does not fit into a Double though values and gradients are finite.
  public var gradientOverflows: [Int] {
    guard let weighed else {
      let count = Lanes(repeating: Double(all.count))
      return all.features(
        { (($0.pointee.comoment + $0.pointee.gradientMean.high * count) * 0).total != 0 },
        where: { all[$0].gradientOverflows })
    }
    return weighed.features(
      { (($0.pointee.mean.high + $0.pointee.gradientMean.high) * 0).total != 0 },
      where: { feature in
        let (sums, moments) = (weighed[feature].moments, all[feature])
        return moments.nonfiniteValues.total == 0 && moments.nonfiniteGradients.total == 0
          && !(sums.mean.high.isFinite && sums.gradientMean.high.isFinite)
      })
  }

  /// How many values of a feature are infinite or NaN and harm no result but their own y: the mask leaves them out, and dy does not
  /// weigh them.
  public func harmlessValues(_ feature: Int) -> Int {
    guard hasMask, coefficients[feature].dgamma.isFinite else { return 0 }
    return all[feature].nonfiniteValues.total - counted[feature].nonfiniteValues.total
  }

  /// How many numbers that the apply pass wrote are infinite though everything that they come from is finite.
  /// - Parameters:
  ///   - tensors: what it wrote.
  ///   - octets: those of a tile.
  public func overflowCount(_ tensors: SampleTensors, octets: Range<Int>) -> Int {
    let features = coefficients.decomposition.features(of: octets)
    return tensors.infiniteOutputs(coefficients.decomposition.layout) { feature in
      guard features.contains(feature) else { return false }
      let moments = all[feature]
      return moments.nonfiniteValues.total == 0 && moments.nonfiniteGradients.total == 0
        && coefficients[feature].isFinite
    }
  }
}

extension BatchResult {
  /// The result as bytes, as `MomentRecord` describes them: header, then
  ///
  ///     8  outputs that overflowed
  ///     8  values of each feature
  ///     1  1 if the moments have gradients, else 0
  ///        the moments of all features
  ///        counts of what is not finite among x, then among dy
  ///
  /// and under a mask twice more, from the values on: for those that count, and for the sums of all values, which take the place of
  /// means. About 56 bytes a feature, 32 without dy. With diagnostics their sums follow, 8 bytes for each sum and feature.
  public func record() -> [UInt8] {
    var writer = MomentRecordWriter(
      .result, coefficients.decomposition, hasMask: hasMask, isCentered: coefficients.isCentered)
    writer.append(overflowedOutputs)
    for moments in [all] + (weighed.map { [counted, $0] } ?? []) {
      let octets = moments.octetRange.map { octet in
        moments.octets[octet].canonical(lanes: min(8, moments.featureCount - 8 * octet))
      }
      let hasGradients = octets.contains(where: \.hasGradients)
      writer.append(moments.count)
      writer.append(flag: hasGradients)
      writer.append(octets, columns: moments.featureCount, hasGradients: hasGradients)
      writer.append(moments.nonfiniteValues)
      writer.append(moments.nonfiniteGradients)
    }
    if let diagnostics {
      for number in diagnostics.numbers(featureCount: all.featureCount) { writer.append(number.bitPattern) }
    }
    return writer.finished()
  }

  /// Becomes the result that was written as `record`; its coefficients are computed anew, by this result's rule. Which batch the record
  /// belongs to is for the caller to know, and that `all.count` is the number of values that the batch has.
  /// - Throws: `MomentRecordError` if the bytes are no such record of this layer; nothing has changed then.
  public func restore(from record: [UInt8]) throws(MomentRecordError) {
    let decomposition = coefficients.decomposition
    var reader = try MomentRecordReader(record, .result, decomposition)
    guard reader.hasMask == hasMask else { throw .anotherMask(found: reader.hasMask) }
    guard reader.isCentered == coefficients.isCentered else { throw .anotherCenter(found: reader.isCentered) }
    let overflowedOutputs = try reader.count(atMost: Int.max >> 8, .count)
    let newAll = try BatchMoments(&reader, featureCount: all.featureCount, countAtMost: Int.max >> 8)
    let newCounted =
      hasMask
      ? try BatchMoments(&reader, featureCount: all.featureCount, countAtMost: newAll.count) : nil
    let newWeighed =
      hasMask
      ? try BatchMoments(&reader, featureCount: all.featureCount, countAtMost: newAll.count) : nil
    var sums: [Double] = []
    if diagnostics != nil {
      let count = BatchDiagnostics.Sum.allCases.count * all.featureCount
      for _ in 0..<count { sums.append(Double(bitPattern: try reader.number())) }
    }
    try reader.finish()
    diagnostics?.become(sums, featureCount: all.featureCount)
    self.overflowedOutputs = overflowedOutputs
    all.become(newAll)
    if let newCounted { counted.become(newCounted) }
    if let newWeighed { weighed?.become(newWeighed) }
    updateCoefficients(0..<all.featureCount)
  }
}

extension BatchMoments {
  /// The moments that come next in a record.
  fileprivate convenience init(
    _ reader: inout MomentRecordReader, featureCount: Int, countAtMost limit: Int
  ) throws(MomentRecordError) {
    self.init(featureCount: featureCount)
    count = try reader.count(atMost: limit, .count)
    let hasGradients = try reader.flag()
    let moments = try reader.moments(columns: featureCount, hasGradients: hasGradients)
    for octet in octetRange { octets[octet] = moments[octet] }
    nonfiniteValues = try reader.nonfinite(featureCount: featureCount, values: count)
    nonfiniteGradients = try reader.nonfinite(featureCount: featureCount, values: count)
  }

  fileprivate func become(_ other: BatchMoments) {
    count = other.count
    octets.update(from: other.octets, count: octetRange.count)
    nonfiniteValues = other.nonfiniteValues
    nonfiniteGradients = other.nonfiniteGradients
  }
}
