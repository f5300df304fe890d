import BatchNormReference
import Testing

/// What results are compared with, compared with the graph of `BatchNormReference`: written by other hands, node by node.
@Suite(.timeLimit(.minutes(30))) struct OracleTests {
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      Settings(), Settings(isDetached: true), Settings(usesRunningStatistics: true),
      Settings(isIdentity: true),
      Settings(batchSize: 4, epsilon: 0, momentum: nil),
      Settings(batchSize: 4, dropsIncomplete: true, momentum: 0.3),
    ], [0, 3])
  func agreesWithTheGraph(settings: Settings, maskedOut: Int) throws {
    var layer = InputLayer([10, 2, 5, 3], featureAxis: 2, type: .float64, gradientType: .float64, seed: 1)
    if maskedOut > 0 { layer.maskOut(every: maskedOut, ofPositions: true) }
    let expected = ExpectedResults(layer, settings).tensors
    let given = (mean: FeatureRow(layer.runningMean ?? []), variance: FeatureRow(layer.runningVariance ?? []))
    var running = RunningStatistics(mean: given.mean, variance: given.variance)
    var sums = [Double](repeating: 0, count: 5)
    for (batch, samples) in settings.batches(of: layer).enumerated() {
      let values = samples.lowerBound * layer.sampleValues..<samples.upperBound * layer.sampleValues
      let positions = samples.lowerBound * layer.positions..<samples.upperBound * layer.positions
      func graph(gamma: [Double], beta: [Double]) -> ReferenceResult {
        batchNormReference(
          x: Array(layer.x[values]), dy: Array((layer.dy ?? [])[values]),
          layout: LayoutView(shape: [samples.count, 2, 5, 3], featureAxis: 2), gamma: gamma, beta: beta,
          epsilon: settings.epsilon,
          mode: settings.usesRunningStatistics
            ? .running(mean: given.mean, variance: given.variance) : settings.isDetached ? .detached : .batch,
          counted: layer.counted.map { Array($0[positions]) })
      }
      var result = graph(gamma: layer.gamma ?? [], beta: layer.beta ?? [])
      if settings.isIdentity { result = graph(gamma: result.invStd.map { 1 / $0 }, beta: result.mean) }
      try #require(sums.count == result.dgamma.count)
      sums = zip(sums, result.dgamma).map { $0 + $1 }
      let row = batch * 5..<(batch + 1) * 5
      var pairs = [
        ("output", values, result.y), ("normalized", values, result.xHat), ("grad_input", values, result.dx),
        ("batches/grad_gamma", row, result.dgamma), ("batches/grad_beta", row, result.dbeta),
      ]
      if !settings.usesRunningStatistics {
        pairs += [
          ("batches/mean", row, result.mean), ("batches/var", row, result.variance),
          ("batches/inv_std", row, result.invStd),
        ]
        running.update(
          mean: FeatureRow(result.mean), variance: FeatureRow(result.variance), count: result.count,
          momentum: settings.momentum)
      }
      for (name, range, values) in pairs {
        let own = try #require(expected[name]).values[range]
        #expect(own.count == values.count, "\(name), batch \(batch)")
        #expect(zip(own, values).allSatisfy { abs($0 - $1) < 1e-13 }, "\(name), batch \(batch)")
      }
    }
    let samples = settings.batches(of: layer).last?.upperBound ?? 0
    let population = PopulationStatistics(
      of: [
        LayoutView(shape: [samples, 2, 5, 3], featureAxis: 2).matrix(
          from: Array(layer.x.prefix(samples * layer.sampleValues)))
      ], masks: layer.counted.map { [Array($0.prefix(samples * layer.positions))] })
    for (name, values) in [
      ("running_mean", running.mean.values), ("running_var", running.variance.values), ("grad_gamma", sums),
      ("population_mean", population.mean.values), ("population_var", population.variance.values),
    ] {
      let own = try #require(expected[name]).values
      #expect(own.count == values.count, "\(name)")
      #expect(zip(own, values).allSatisfy { abs($0 - $1) < 1e-13 * max(1, abs($1)) }, "\(name)")
    }
  }
}
