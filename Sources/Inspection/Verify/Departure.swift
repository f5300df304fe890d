import BatchNorm
import Configuration
import Jobs
import LayerFiles
import Parallel

/// What another program's results are consistent with: computed so, those that are named agree.
public struct ConsistentDeparture: Encodable, Sendable, Equatable {
  /// As `epsilon` or `gamma_ignored`.
  public let departure: String
  /// ε, momentum, or what sums are divided by; nil for the others.
  public let value: Double?
  /// The axes that statistics are taken over, for `statistics_over_axes`; else nil.
  public let axes: [Int]?
  /// The two departures that are made at once, for `two`; else nil.
  public let both: [Part]?

  /// One of two departures.
  public struct Part: Encodable, Sendable, Equatable {
    public let departure: String
    public let value: Double?
  }

  /// The results that agree then, by their names in this program's output.
  public let results: [String]
  /// The largest relative error that is left in them.
  public let relativeError: Double

  /// What speaks for `cancellation`; nil for what was computed anew.
  public let variances: CancelledVariances?

  package let kind: LayerDeparture

  private enum CodingKeys: String, CodingKey {
    case departure, value, axes, both, results, variances
    case relativeError = "relative_error"
  }

  /// True if another one says the same of the same results, perhaps with another value of ε: two that both fit are told apart by
  /// nothing but which is tried first, the plainest.
  func isTheSame(as other: ConsistentDeparture) -> Bool {
    guard results == other.results else { return false }
    return (departure, value) == (other.departure, other.value) && axes == other.axes && both == other.both
      || kind.differsByEpsilon(from: other.kind)
  }

  init(
    _ kind: LayerDeparture, results: [String], relativeError: Double, variances: CancelledVariances? = nil
  ) {
    self.variances = variances
    self.kind = kind
    self.results = results
    self.relativeError = relativeError
    (departure, value) = kind.nameAndValue
    if case .wrongAxes(let axes) = kind { self.axes = axes } else { axes = nil }
    if case .two(let first, let second) = kind {
      both = [first, second].map { part in
        let (departure, value) = part.nameAndValue
        return Part(departure: departure, value: value)
      }
    } else {
      both = nil
    }
  }

  /// - Parameter agreeing: the results that it gives; the one that agrees least tells how well.
  init(_ kind: LayerDeparture, _ agreeing: [ResultComparison]) {
    self.init(
      kind, results: agreeing.map(\.result),
      relativeError: agreeing.reduce(0) { max($0, $1.relativeError) })
  }
}

extension LayerDeparture {
  /// True if another ε, or another place for it, is all that differs.
  fileprivate var isEpsilon: Bool {
    switch self {
    case .epsilon, .mistake(.epsilonOutsideRoot): true
    default: false
    }
  }

  fileprivate var isPair: Bool { if case .two = self { true } else { false } }

  /// True if two ways are the same but for an ε.
  fileprivate func differsByEpsilon(from other: LayerDeparture) -> Bool {
    switch (self, other) {
    case (.two(let first, let second), .two(let third, let fourth)):
      first == third && second.isEpsilon && fourth.isEpsilon
        || second == fourth && first.isEpsilon && third.isEpsilon
    default: isEpsilon && other.isEpsilon
    }
  }

  /// As in the JSON.
  var nameAndValue: (String, Double?) {
    switch self {
    case .epsilon(let epsilon): ("epsilon", epsilon)
    case .mistake(let mistake): mistake.nameAndValue
    case .wrongAxes: ("statistics_over_axes", nil)
    case .cancellation: ("cancellation", nil)
    case .kept(let kept): ("kept_\(kept.rawValue)", nil)
    case .runningVariance(let estimate): ("running_variance_\(estimate.rawValue)", nil)
    case .parametersSwapped: ("parameters_swapped", nil)
    case .gammaIgnored: ("gamma_ignored", nil)
    case .betaIgnored: ("beta_ignored", nil)
    case .parametersIgnored: ("parameters_ignored", nil)
    case .gradientDetached: ("gradient_detached", nil)
    case .gradientNotDetached: ("gradient_not_detached", nil)
    case .momentum(let momentum): ("momentum", momentum)
    case .maskIgnored: ("mask_ignored", nil)
    case .runningStatistics: ("running_statistics", nil)
    case .batchStatistics: ("batch_statistics", nil)
    case .wholeDataset: ("whole_dataset", nil)
    case .previousBatch: ("previous_batch_statistics", nil)
    case .runningAverages(true): ("running_averages", nil)
    case .runningAverages(false): ("running_averages_before_batch", nil)
    case .shifted(let rows, let distance): ("shifted_\(rows.rawValue)", Double(distance))
    case .two: ("two", nil)
    }
  }
}

extension FormulaMistake {
  fileprivate var nameAndValue: (String, Double?) {
    switch self {
    case .epsilonOutsideRoot(let epsilon): ("epsilon_outside_root", epsilon)
    case .rootForgotten: ("root_forgotten", nil)
    case .multipliedByDeviation: ("multiplied_by_deviation", nil)
    case .meanNotSubtracted: ("mean_not_subtracted", nil)
    case .squareMean: ("square_mean_for_variance", nil)
    case .unbiasedVariance: ("unbiased_normalization", nil)
    case .divisor(let divisor, let sums): sums.nameAndValue(divisor)
    case .gradientWithoutMean: ("gradient_without_mean", nil)
    case .gradientWithoutNormalized: ("gradient_without_normalized", nil)
    case .gradientOfSums: ("gradient_of_sums", nil)
    case .gradientWithoutInvStd: ("gradient_without_inv_std", nil)
    case .gammaGradientWithoutInvStd: ("gamma_gradient_without_inv_std", nil)
    case .gammaGradientWithoutMean: ("gamma_gradient_without_mean", nil)
    case .gammaGradientOfValues: ("gamma_gradient_of_values", nil)
    case .parameterGradientMeans: ("parameter_gradient_means", nil)
    case .parameterGradientsSwapped: ("parameter_gradients_swapped", nil)
    }
  }
}

extension FormulaMistake.DividedSums {
  fileprivate func nameAndValue(_ divisor: FormulaMistake.SumDivisor) -> (String, Double?) {
    let what =
      switch self {
      case .all, .values: "sums"
      case .valuesAroundMean: "sums_around_mean"
      case .mean: "mean"
      case .variance: "variance"
      }
    return switch divisor {
    case .fixed(let count): ("\(what)_divided_by", Double(count))
    case .samples: ("\(what)_divided_by_samples", nil)
    case .positions: ("\(what)_divided_by_positions", nil)
    }
  }
}

/// Finds the ways in which a layer was computed by a program whose results differ.
struct DepartureSearch {
  let verification: Verification
  let layer: Layer
  let other: OtherLayer
  /// Of the layer as it should be.
  let comparison: LayerComparison
  let cancellation: Cancellation
  /// The results that differ.
  let differing: [LayerResult]

  init(
    _ verification: Verification, _ layer: Layer, _ other: OtherLayer, _ comparison: LayerComparison,
    _ cancellation: Cancellation
  ) {
    self.verification = verification
    self.layer = layer
    self.other = other
    self.comparison = comparison
    self.cancellation = cancellation
    let names = comparison.comparisons(verification.tolerance).filter { !$0.agrees }.map(\.result)
    differing = LayerResult.allCases.filter { names.contains($0.rawValue) }
  }

  /// Computes what differs in each way in which programs are known to differ, a pass over the data for each that ends early where
  /// nothing agrees.
  /// - Returns: the ways in which all of it agrees; if there is none, those in which a part does.
  func departures() throws -> [ConsistentDeparture] {
    guard !differing.isEmpty else { return [] }
    let reader = BatchReader(self)
    let all = LayerDeparture.all(of: layer)
    let inMemory = try reader.map { try wrongAxes($0) + otherRows($0) } ?? []
    var found = likely(try all.compactMap(consistent) + inMemory)
    // What has no parameter to be fitted is the simpler reason.
    if !found.flatMap(\.results).contains(where: Self.isForward) { found += try fitted() }
    return try reader.map { try withPairs(found, of: all, $0) } ?? found
  }

  /// Adds two departures at once, where one of them alone leaves something to be explained: if there is just one such pair, and it
  /// fits to within a rounding. There are many pairs, so that some would fit to within the tolerance by chance.
  private func withPairs(
    _ found: [ConsistentDeparture], of all: [LayerDeparture], _ reader: BatchReader
  ) throws -> [ConsistentDeparture] {
    let explained = Set(found.flatMap(\.results))
    guard differing.contains(where: { !explained.contains($0.rawValue) }) else { return found }
    let forward = found.filter { $0.results.contains(where: Self.isForward) }.map(\.kind)
    // What explains y remains true where something else is wrong in dx.
    let pairs = LayerDeparture.pairs(of: all).filter { pair in
      guard case .two(let first, let second) = pair else { return false }
      return forward.isEmpty || forward.contains(first) || forward.contains(second)
    }
    let rounding = least(differing.map(\.rawValue)) * 100 / 8
    let fitting = try notRefuted(pairs, reader).compactMap(consistent).filter { pair in
      // What one explains is not explained by two.
      pair.relativeError <= rounding && !found.contains { Set($0.results).isSuperset(of: pair.results) }
    }
    let together = likely(found + fitting)
    let two = together.filter(\.kind.isPair)
    return two.count == 1 ? together : found
  }

  private static func isForward(_ result: String) -> Bool {
    result == LayerResult.output.rawValue || result == LayerResult.normalized.rawValue
  }

  /// What agrees if the layer is computed in a way; nil if nothing does, or not enough to tell.
  func consistent(_ departure: LayerDeparture) throws -> ConsistentDeparture? {
    let shown = differing.filter { layer.shows(departure, in: $0) }
    guard !shown.isEmpty, let changed = layer.with(departure), shown.allSatisfy(changed.gives),
      shown.allSatisfy({ changed.shape(of: $0) == layer.shape(of: $0) })
    else { return nil }
    let some = other.only(shown)
    let (plan, tolerance) = (verification.plan, verification.tolerance)
    let destination = LayerComparison(
      changed, some, departure: departure, hopeless: comparison.hopeless(tolerance))
    do {
      try plan.run(
        changed, configuration: plan.job.configuration, into: destination,
        reserved: LayerComparison.memory(changed, some, threads: plan.job.threads), progress: JobProgress(),
        cancellation: cancellation)
    } catch is Hopeless {
      return nil
    }
    let agreeing = destination.comparisons(tolerance).filter { compared in
      // Numbers that are not finite agree with any such; a way that makes them so explains nothing.
      compared.agrees
        && LayerResult(rawValue: compared.result).map {
          destination.nonfiniteCount($0) <= comparison.nonfiniteCount($0)
        } ?? false
    }
    // Of parameters that are both left out the gradient shows one.
    if departure == .parametersIgnored, !agreeing.contains(where: { $0.result == "output" }) { return nil }
    // What contradicts a way refutes it, unless a large result, of many numbers, speaks for it.
    let isLarge = agreeing.contains { LayerResult(rawValue: $0.result)?.entry.shape == .samples }
    guard !agreeing.isEmpty, agreeing.count == shown.count || isLarge else { return nil }
    return ConsistentDeparture(departure, agreeing)
  }

  /// Those that explain most, and of these the ones that fit about as well as the best: what fits to within the tolerance may do so
  /// by chance, while what is right fits to within a rounding. Of several the ones that claim least.
  func likely(_ all: [ConsistentDeparture]) -> [ConsistentDeparture] {
    let best = all.filter { one in
      let results = Set(one.results)
      return !all.contains { other in
        let others = Set(other.results)
        return others.isStrictSuperset(of: results)
          || others == results && one.relativeError > 8 * max(other.relativeError, least(one.results))
      }
    }
    var likely: [ConsistentDeparture] = []
    for one in best
    where !best.contains(where: { Set($0.results) == Set(one.results) && claim($0.kind) < claim(one.kind) })
      && !likely.contains(where: { $0.isTheSame(as: one) })
    {
      likely.append(one)
    }
    return likely
  }

  /// How much a way claims: results that it would change but that are right, then all that it would change.
  private func claim(_ departure: LayerDeparture) -> (Int, Int) {
    let shown = LayerResult.allCases.filter {
      $0.group != "diagnostics" && layer.shows(departure, in: $0)
    }
    return (shown.count { other.results[$0] != nil && !differing.contains($0) }, shown.count)
  }

  /// A relative error that roundings leave in results: a hundredth of what is allowed.
  private func least(_ results: [String]) -> Double {
    let allowed = comparison.comparisons(verification.tolerance)
      .filter { results.contains($0.result) }.map(\.tolerance.relative)
    return (allowed.max() ?? 0) / 100
  }
}
