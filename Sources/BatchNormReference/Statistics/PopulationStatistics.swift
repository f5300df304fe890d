/// Mean and variance over all values of several batches, as if they were one batch.
///
/// This is what averaging the batches' own statistics ("precise BN") only approximates: the variance between
/// the batches' means counts, too.
public struct PopulationStatistics: Equatable, Sendable {
  /// [C].
  public let mean: FeatureRow
  /// [C], biased: divided by `count`.
  public let variance: FeatureRow
  /// The number of values per feature that entered.
  public let count: Int

  /// - Parameters:
  ///   - batches: at least one matrix [mᵢ, C].
  ///   - masks: one per batch, true where a row counts; nil counts all rows of all batches.
  public init(of batches: [FeatureMatrix], masks: [[Bool]]? = nil) {
    precondition(!batches.isEmpty, "no batches")
    let featureCount = batches[0].featureCount
    let all = FeatureMatrix(
      rowCount: batches.reduce(0) { $0 + $1.rowCount }, featureCount: featureCount,
      values: batches.flatMap(\.values))
    // γ and β do not enter mean and variance.
    let unused = FeatureRow(repeating: 0, count: featureCount)
    let inputs = GraphInputs(
      x: all, gamma: unused, beta: unused, epsilon: 0, counted: masks.map { $0.flatMap { $0 } })
    let nodes = forward(inputs)
    mean = nodes.mu
    variance = nodes.variance
    count = inputs.counted.count
  }
}
