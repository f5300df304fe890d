import LayerFiles

extension FeatureMeasures {
  /// A measure of each feature that has a threshold of its own.
  private var perFeature: [(FindingKind, (Int) -> Double)] {
    [
      (.exploding, rootMeanSquare), (.sorted, suspiciousF), (.runningMean, runningMeanDistance),
      (.runningVariance, runningVarianceRatio),
    ]
  }

  /// What some features are, and others are not.
  private var kinds: [(FindingKind, (Int) -> Bool)] {
    [
      (.nonfinite, isNonfinite), (.constant, isConstant), (.zeroVariance, isConstantInBatches),
      (.withoutGradient, { hasNoGradient($0) && !isConstant($0) }),
    ]
  }

  /// What is wrong with a feature.
  func reasons(_ feature: Int) -> [FindingKind] {
    kinds.filter { $0.1(feature) }.map(\.0)
      + perFeature.filter { kind, measure in measure(feature) > kind.threshold.warn }.map(\.0)
  }

  /// What should be known of the layer, by itself.
  func findings(_ numbers: LayerNumbers) -> [Finding] {
    var findings: [Finding?] = []
    for (kind, holds) in kinds {
      let found = (0..<count).filter(holds)
      let batch = kind == .nonfinite ? found.first.flatMap { sums.firstNonfinite[$0] } : nil
      findings.append(
        Finding(
          kind, Double(found.count) / Double(max(1, count)), features: found.count, of: count,
          feature: found.first, batch: batch))
    }
    for (kind, measure) in perFeature {
      let values = (0..<count).map(measure)
      guard let worst = values.indices.filter({ !values[$0].isNaN }).max(by: { values[$0] < values[$1] })
      else { continue }
      findings.append(
        Finding(
          kind, values[worst], features: values.count { $0 > kind.threshold.warn }, of: count, feature: worst)
      )
    }
    findings += [
      Finding(.gradientShare, numbers.gradientShare, of: count),
      Finding(.batchNoise, numbers.batchNoise, of: count),
      Finding(.identityError, numbers.identityError, of: count),
    ]
    return findings.compactMap { $0 }
  }

  /// Numbers of the layer as a whole.
  var numbers: LayerNumbers {
    let features = 0..<count
    var numbers = LayerNumbers()
    func largest(_ measure: (Int) -> Double) -> Double? {
      features.lazy.map(measure).filter(\.isFinite).max()
    }
    func sum(_ values: [Double]?) -> Double? { values.map { $0.lazy.filter(\.isFinite).reduce(0, +) } }
    func norm(_ values: [Double]?) -> Double? { sum(values?.map { $0 * $0 })?.squareRoot() }
    let squares = features.map(rootMeanSquare).filter(\.isFinite).map { $0 * $0 }
    let varying = features.filter { populationVariance[$0] > 0 }
    let noises = noise.filter(\.isFinite)
    numbers.rootMeanSquare =
      squares.isEmpty ? nil : (squares.reduce(0, +) / Double(squares.count)).squareRoot()
    numbers.meanError = varying.map { meanError[$0] / populationVariance[$0].squareRoot() }
      .filter(\.isFinite).max()
    numbers.varianceError = varying.map { varianceError[$0] / populationVariance[$0] }.filter(\.isFinite)
      .max()
    numbers.runningMeanDistance = largest(runningMeanDistance)
    numbers.runningVarianceRatio = largest(runningVarianceRatio)
    numbers.batchNoise = noises.isEmpty ? nil : noises.reduce(0, +) / Double(noises.count)
    numbers.shufflingF = shufflingF?.filter(\.isFinite).max()
    numbers.gradGammaNorm = norm(gradGamma)
    numbers.gradBetaNorm = norm(gradBeta)
    numbers.gradOutputSquareSum = sum(sums.gradientSquares)
    numbers.gradInputSquareSum = sum(sums.inputGradientSquares)
    if let removed = sum(sums.removed), let all = numbers.gradOutputSquareSum, all > 0 {
      numbers.gradientShare = removed / all
    }
    numbers.identityError = sums.identityError
    numbers.constantFeatures = features.count(where: isConstant)
    numbers.zeroVarianceFeatures = features.count(where: isConstantInBatches)
    numbers.nonfiniteFeatures = features.count(where: isNonfinite)
    numbers.featuresWithoutGradient = features.count { hasNoGradient($0) && !isConstant($0) }
    return numbers
  }

  /// What the file does not hold enough for.
  var notJudged: [FindingKind] {
    var kinds: [FindingKind] = []
    if !sums.hasStatistics { kinds.append(.zeroVariance) }
    // A run with diagnostics tells it, too.
    if !sums.hasStatistics && noise.allSatisfy(\.isNaN) { kinds.append(.batchNoise) }
    if gradGamma == nil && sums.gradients == nil { kinds.append(.withoutGradient) }
    if shufflingF == nil { kinds.append(.sorted) }
    if runningMean == nil { kinds.append(.runningMean) }
    if runningVariance == nil { kinds.append(.runningVariance) }
    if sums.removed == nil { kinds.append(.gradientShare) }
    if sums.inputGradientSquares == nil { kinds += [.gradientGrowth, .gradientDecay] }
    return kinds
  }
}

extension [LayerReport] {
  /// Adds what only the layers together tell: how activations and gradients grow from one to the next in depth.
  mutating func judgeTogether() {
    for index in indices.dropFirst() {
      let (before, after) = (self[index - 1], self[index])
      func ratio(_ one: Double?, _ other: Double?) -> Double? {
        guard let one, let other, one > 0, other > 0 else { return nil }
        return one / other
      }
      let scale = ratio(after.numbers.rootMeanSquare, before.numbers.rootMeanSquare)
      self[index].add(
        [Finding(.scaleGrowth, scale, of: after.features, other: before.path)].compactMap { $0 })
      let gradient = ratio(before.numbers.gradInputSquareSum, after.numbers.gradInputSquareSum)
      self[index - 1].add(
        [
          Finding(.gradientGrowth, gradient, of: before.features, other: after.path),
          Finding(.gradientDecay, gradient.map { 1 / $0 }, of: before.features, other: after.path),
        ].compactMap { $0 })
    }
  }
}
