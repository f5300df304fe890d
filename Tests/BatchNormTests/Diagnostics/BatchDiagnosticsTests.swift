import BatchNorm
import BatchNormReference
import Testing

/// The diagnostics of a batch against sums over what BatchNormReference's graph gives for it.
///
/// Sums are added up in Double, in blocks that merge along a tree: at most 256 roundings of 1.1e-16 after each other, in practice a
/// few, relative to what the terms amount to: 1e-13. The gradient identity is a difference of such sums: 1e-12, as docs/diagnostics.md says.
@Suite(.timeLimit(.minutes(30))) struct BatchDiagnosticsTests {
  /// Each way in which kernels see data, with leaves and blocks that do not come out even.
  static let shapes = [
    LayoutBatchTests.Shape(600, 1, 66, 1), .init(2999, 1, 3, 1), .init(130, 3, 65, 1), .init(701, 5, 3, 1),
    .init(600, 1, 3, 2), .init(77, 2, 3, 7), .init(130, 1, 5, 31), .init(130, 1, 5, 33), .init(33, 4, 9, 32),
    .init(27, 2, 3, 196), .init(3, 1, 2, 5000), .init(2, 1, 1000, 1),
  ]

  enum Masking: CaseIterable { case none, positions }

  private static func batch(
    _ shape: LayoutBatchTests.Shape, _ masking: Masking = .none, _ normalization: Normalization = .batch
  ) -> Batch {
    var generator = SplitMix64(seed: 17)
    var batch = generator.batch(shape.layout, samples: shape.samples, type: .float)
    batch.normalization = normalization
    if masking == .positions {
      let positions = shape.samples * shape.layout.valuesPerFeatureAndSample
      batch.mask = (0..<positions).map { $0 * 7 % 5 < 2 ? 0 : 1 }
    }
    return batch
  }

  @Test(arguments: shapes, Masking.allCases)
  func agreeWithTheGraph(shape: LayoutBatchTests.Shape, masking: Masking) throws {
    for normalization in [Normalization.batch, .batchDetached, .running] {
      let batch = Self.batch(shape, masking, normalization)
      let expected = ExpectedDiagnostics(batch)
      for type in [KernelType.float, .double] {
        let result = DiagnosedBatch(type: type, octetsPerTile: 5).run(batch)
        for diagnostic in BatchDiagnostic.allCases {
          let values = result.values(diagnostic)
          try #require(values.count == shape.featureCount)
          for feature in values.indices {
            let (value, scale) = expected.value(of: diagnostic, feature)
            #expect(
              (values[feature] - value).magnitude <= 1e-12 * scale,
              "\(diagnostic) of feature \(feature), \(normalization), \(type): \(values[feature]), not \(value)"
            )
          }
        }
      }
    }
  }

  /// Whatever the batch is divided into, and whichever machine code runs.
  @Test(arguments: shapes) func haveTheSameBitsHoweverDivided(shape: LayoutBatchTests.Shape) {
    for masking in Masking.allCases {
      let batch = Self.batch(shape, masking)
      let whole = DiagnosedBatch().run(batch)
      var divided = [
        DiagnosedBatch(leavesPerStretch: 1), DiagnosedBatch(leavesPerStretch: 3, octetsPerTile: 2),
        DiagnosedBatch(leavesPerCollector: 1), DiagnosedBatch(leavesPerStretch: 1, leavesPerCollector: 2),
        DiagnosedBatch(set: .baseline),
      ]
      let decomposition = Decomposition(batch.layout)
      if masking == .none, decomposition.samplesPerStretch == 1 {
        divided += [DiagnosedBatch(samplesPerStretch: 7), DiagnosedBatch(samplesPerStretch: 1)]
      }
      for way in divided {
        let result = way.run(batch)
        for diagnostic in BatchDiagnostic.allCases {
          #expect(
            result.values(diagnostic).isSame(as: whole.values(diagnostic)),
            "\(diagnostic), \(way), \(masking)")
        }
      }
    }
  }

  /// A record holds what the diagnostics are computed from.
  @Test(arguments: Masking.allCases) func comeBackFromARecord(masking: Masking) throws {
    let batch = Self.batch(.init(77, 2, 3, 7), masking)
    let result = DiagnosedBatch().run(batch)
    let record = result.record()
    let decomposition = Decomposition(batch.layout)
    let other = BatchResult(decomposition, batch.rule, hasMask: batch.mask != nil, diagnoses: true)
    try other.restore(from: record)
    for diagnostic in BatchDiagnostic.allCases {
      #expect(other.values(diagnostic).isSame(as: result.values(diagnostic)), "\(diagnostic)")
    }
    #expect(other.record() == record)
    let without = BatchResult(decomposition, batch.rule, hasMask: batch.mask != nil)
    #expect(throws: MomentRecordError.invalid(.length)) { try without.restore(from: record) }
    #expect(throws: MomentRecordError.invalid(.length)) { try other.restore(from: without.record()) }
  }

  /// What a mask leaves out and dy does not weigh is in no sum, NaN included; anything else that is not finite spoils its feature only.
  @Test func paddingIsInNoDiagnostic() throws {
    var batch = Self.batch(.init(40, 5, 3, 2), .positions)
    let mask = try #require(batch.mask)
    let (layout, length) = (batch.layout, batch.layout.planeLength)
    func place(_ position: Int, _ feature: Int) -> Int {
      (position / length * layout.featureCount + feature) * length + position % length
    }
    for position in mask.indices where mask[position] == 0 {
      for feature in 0..<layout.featureCount {
        batch.x[place(position, feature)] = 5
        batch.dy?[place(position, feature)] = 0
      }
    }
    let clean = DiagnosedBatch().run(batch)
    for position in mask.indices where mask[position] == 0 {
      for feature in 0..<layout.featureCount {
        batch.x[place(position, feature)] = [.nan, .infinity, -.infinity][position % 3]
      }
    }
    let padded = DiagnosedBatch().run(batch)
    for diagnostic in BatchDiagnostic.allCases {
      #expect(padded.values(diagnostic).isSame(as: clean.values(diagnostic)), "\(diagnostic)")
      #expect(clean.values(diagnostic).allSatisfy { $0.isFinite }, "\(diagnostic)")
    }
    batch.x[place(try #require(mask.firstIndex(of: 1)), 1)] = .nan
    let spoiled = DiagnosedBatch().run(batch)
    for diagnostic in BatchDiagnostic.allCases where diagnostic != .gradOutputSquareSum {
      let values = spoiled.values(diagnostic)
      #expect(
        !values[1].isFinite || diagnostic == .betaCoherence || diagnostic == .meanShare, "\(diagnostic)")
      #expect(values[0].isFinite && values[2].isFinite, "\(diagnostic)")
    }
  }

  /// Without a gradient there is nothing to divide by; a batch of equal gradients is taken away whole by the mean.
  @Test func edges() {
    var batch = Self.batch(.init(64, 1, 2, 1))
    batch.dy = batch.x.indices.map { $0 % 2 == 0 ? 0 : 3 }
    let result = DiagnosedBatch().run(batch)
    #expect(result.values(.gradOutputSquareSum) == [0, 64 * 9])
    #expect(result.values(.gradientIdentityError)[0] == 0)
    #expect(result.values(.meanShare)[0].isNaN && result.values(.gammaCoherence)[0].isNaN)
    #expect(result.values(.meanShare)[1] == 1)
    #expect(result.values(.betaCoherence)[1] == 1)
    #expect(result.values(.normalizedShare)[1] < 1e-28)
  }
}

/// The diagnostics of a batch, by their formulas from the tensors of the graph, in plain sums.
private struct ExpectedDiagnostics {
  let batch: Batch
  let reference: ReferenceResult

  init(_ batch: Batch) {
    self.batch = batch
    reference = batch.reference
  }

  /// The number, and what its terms amount to.
  func value(of diagnostic: BatchDiagnostic, _ feature: Int) -> (value: Double, scale: Double) {
    let dy = batch.column(feature, of: batch.dy ?? [])
    let xHat = batch.column(feature, of: reference.xHat)
    let dx = batch.column(feature, of: reference.dx)
    let counts = batch.mask.map { $0.map { $0 != 0 } } ?? Array(repeating: true, count: dy.count)
    func product(_ left: [Double], _ right: [Double]) -> [Double] { zip(left, right).map { $0 * $1 } }
    func magnitude(_ values: [Double]) -> Double { sum(values.map(\.magnitude)) }
    func counted(_ values: [Double]) -> [Double] { zip(values, counts).filter(\.1).map(\.0) }

    let squares = sum(product(dy, dy))
    let scale = batch.parameters[feature].gamma * reference.invStd[feature]
    let ratio = reference.variance[feature] * reference.invStd[feature] * reference.invStd[feature]
    let isCentered = batch.normalization == .batch
    let (dbeta, dgamma) = (sum(dy), sum(product(dy, xHat)))
    let count = Double(counts.count(where: { $0 }))
    let byMean = isCentered ? (2 * dbeta * sum(counted(dy)) - dbeta * dbeta) / count : 0
    let byNormalized =
      isCentered
      ? (2 * dgamma * sum(counted(product(dy, xHat))) - ratio * dgamma * dgamma) / count : 0
    switch diagnostic {
    case .gradOutputSquareSum: return (squares, squares)
    // dx itself is a difference of what is as large as s·dy.
    case .gradInputSquareSum: return (sum(product(dx, dx)), scale * scale * squares)
    case .gradientIdentityError: return (0, 1)
    case .gradientScale: return (scale * scale, scale * scale)
    case .meanShare: return (byMean / squares, 1)
    case .normalizedShare: return (byNormalized / squares, 1)
    case .gradInputSum: return (sum(dx), magnitude(dy) * scale.magnitude)
    case .gradInputProductSum:
      return (sum(product(dx, xHat)), magnitude(product(dy, xHat)) * scale.magnitude)
    case .gammaCoherence:
      let value = magnitude(product(dy, xHat)) / dgamma.magnitude
      return (value, value * max(1, value))
    case .betaCoherence:
      let value = magnitude(dy) / dbeta.magnitude
      return (value, value * max(1, value))
    }
  }
}
