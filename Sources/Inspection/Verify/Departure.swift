import Configuration
import Jobs
import LayerFiles
import Parallel

/// What another program's results are consistent with: computed so, all that differs agrees.
public struct ConsistentDeparture: Encodable, Sendable, Equatable {
  /// As `epsilon` or `gamma_ignored`.
  public let departure: String
  /// ε or momentum; nil for the others.
  public let value: Double?
  /// The results that agree then, by their names in this program's output.
  public let results: [String]

  package let kind: LayerDeparture

  private enum CodingKeys: String, CodingKey { case departure, value, results }

  init(_ kind: LayerDeparture, results: [String]) {
    self.kind = kind
    self.results = results
    var value: Double?
    switch kind {
    case .epsilon(let epsilon): (departure, value) = ("epsilon", epsilon)
    case .unbiasedNormalization: departure = "unbiased_normalization"
    case .runningVariance(let estimate): departure = "running_variance_\(estimate.rawValue)"
    case .parametersSwapped: departure = "parameters_swapped"
    case .gammaIgnored: departure = "gamma_ignored"
    case .betaIgnored: departure = "beta_ignored"
    case .parametersIgnored: departure = "parameters_ignored"
    case .gradientDetached: departure = "gradient_detached"
    case .gradientNotDetached: departure = "gradient_not_detached"
    case .complementaryMomentum(let momentum): (departure, value) = ("momentum", momentum)
    case .maskIgnored: departure = "mask_ignored"
    case .runningStatistics: departure = "running_statistics"
    case .batchStatistics: departure = "batch_statistics"
    case .wholeDataset: departure = "whole_dataset"
    }
    self.value = value
  }
}

extension Verification {
  /// Computes the results that differ in each way in which programs are known to differ, a pass over the data for each, and keeps
  /// the ways in which all of them agree.
  /// - Parameter layer: as it was computed.
  func departures(
    _ layer: Layer, _ other: OtherLayer, _ comparisons: [ResultComparison], _ cancellation: Cancellation
  ) throws -> [ConsistentDeparture] {
    let names = comparisons.filter { !$0.agrees }.map(\.result)
    let differing = LayerResult.allCases.filter { names.contains($0.rawValue) }
    guard !differing.isEmpty else { return [] }
    let some = other.only(differing)
    return try LayerDeparture.all(of: layer).compactMap { departure in
      guard differing.allSatisfy({ layer.shows(departure, in: $0) }),
        let changed = layer.with(departure), differing.allSatisfy(changed.gives),
        differing.allSatisfy({ changed.shape(of: $0) == layer.shape(of: $0) })
      else { return nil }
      let destination = LayerComparison(changed, some)
      try plan.run(
        changed, configuration: plan.job.configuration, into: destination,
        reserved: LayerComparison.memory(changed, some, threads: plan.job.threads), progress: JobProgress(),
        cancellation: cancellation)
      guard destination.comparisons(tolerance).allSatisfy(\.agrees) else { return nil }
      return ConsistentDeparture(departure, results: names)
    }
  }
}
