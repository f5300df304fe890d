import BatchNormReference
import FileNames
import HDF5
import Jobs
import LayerFiles
import Parallel

/// Proves the program on a user's own data: its kernels against the graph, and the graph against finite differences.
public struct Check {
  private let plan: JobPlan
  private let kernels: any BatchKernels
  private let coordinates: Int?
  private let tolerance: Double
  private let cancellation: Cancellation

  /// The largest relative error allowed unless the user says another. Finite differences were measured to be right to
  /// 5·10⁻¹²; ill-conditioned data need some room.
  public static let defaultTolerance = 1e-8

  /// - Parameters:
  ///   - plan: of the input.
  ///   - coordinates: how many values of x, and how many features of γ and β, to compare with finite differences in each
  ///     layer; nil for 64, or fewer in very large batches.
  ///   - tolerance: the largest relative error allowed. What kernels round to float32 is allowed 2⁻²³ more.
  ///   - cancellation: stops it when asked.
  public init(
    _ plan: JobPlan, coordinates: Int? = nil, tolerance: Double = defaultTolerance,
    cancellation: Cancellation = Cancellation()
  ) {
    self.init(
      plan, kernels: ProgramKernels(plan: plan), coordinates: coordinates, tolerance: tolerance,
      cancellation: cancellation)
  }

  /// - Parameter kernels: what is to be checked.
  init(
    _ plan: JobPlan, kernels: any BatchKernels, coordinates: Int? = nil, tolerance: Double = defaultTolerance,
    cancellation: Cancellation = Cancellation()
  ) {
    self.plan = plan
    self.kernels = kernels
    self.coordinates = coordinates
    self.tolerance = tolerance
    self.cancellation = cancellation
  }

  /// Checks all layers.
  /// - Throws: `StreamError`.
  public func report() throws -> CheckReport {
    let layers = try plan.layers.map(check)
    try plan.input.checkIsUnchanged()
    return CheckReport(version: programVersion, input: plan.job.input, layers: layers)
  }

  private func check(_ layer: Layer) throws -> LayerCheck {
    let selection = CheckSelection(layer, memory: plan.job.memory)
    var findings = CheckFindings(layer, tolerance: tolerance)
    var check = LayerCheck(
      path: layer.path, batchCount: layer.batches.count, features: selection.features.count,
      featureCount: layer.featureCount, computedType: layer.computedType.kind.rawValue,
      forwardOnly: layer.gradOutput == nil)
    check.isShortened = selection.isShortened
    for (number, samples) in selection.batches {
      if cancellation.isRequested { throw StreamError.interrupted }
      let values = try plan.values(of: layer, samples: samples)
      // Where a mask lets nothing count there are no statistics, and nothing to compare.
      guard values.mask?.contains(true) != false else { continue }
      check.batches.append(number)
      check.samplesPerBatch = max(check.samplesPerBatch, samples.count)
      let results = try kernels.results(of: samples, layer: layer)
      let rows = samples.count * layer.layout.valuesPerFeatureAndSample
      let groups = selection.groups(rows: rows)
      let wanted = selection.coordinates(coordinates, rows: rows)
      for (position, group) in groups.enumerated() {
        let columns = FeatureColumns(layer.layout, sampleCount: samples.count, features: Array(group))
        let graph = try BatchGraph(values, of: layer, sampleCount: samples.count, features: Array(group))
        let trace = GraphTrace(graph.inputs, dout: graph.dout)
        findings.add(
          KernelComparison(
            results: results, trace: trace, columns: columns, features: group, batch: number,
            leastScale: layer.computedType == .float32 ? Double(Float.leastNormalMagnitude) : 0,
            roundsToFloat: layer.computedType == .float32,
            index: { Self.index(columns.index(row: $0, column: $1), in: layer, from: samples.lowerBound) }))
        // As many coordinates as are wanted in all groups together.
        let share = wanted * (position + 1) / groups.count - wanted * position / groups.count
        findings.addDifferences(
          trace, features: group, batch: number, coordinates: share, seed: UInt64(number)
        ) { Self.index(columns.index(row: $0, column: $1), in: layer, from: samples.lowerBound) }
      }
    }
    findings.finish(&check)
    return check
  }

  /// The index in the activations of an element of the samples in memory.
  private static func index(_ element: Int, in layer: Layer, from firstSample: Int) -> [Int] {
    var index = tensorIndex(of: element, in: [1] + layer.activations.shape.dropFirst())
    index[0] += firstSample
    return index
  }
}
