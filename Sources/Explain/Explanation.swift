import StrictJSON

/// What an experiment found: numbers, what was to be expected of them, and whether the statement held on this data.
public struct Explanation: Encodable, Sendable {
  /// What it was about.
  public let topic: Topic
  /// On what it ran.
  public let data: ExplainedData
  /// The numbers, in the order in which they are read.
  public let measures: [Measure]
  /// Whether the statement held.
  public let verdict: Verdict
  /// What speaks against the statement; nothing unless it is refuted.
  public let against: [Quantity]
  /// Longer results, for a file.
  public let series: [Series]

  private enum CodingKeys: String, CodingKey { case data, measures, verdict, against }

  /// The statement is refuted if a measure is not as expected, or by what an experiment compares.
  /// - Parameters:
  ///   - against: what is otherwise than the statement says, beside the measures that are not as expected.
  ///   - isConclusive: false if the data says nothing about the statement.
  init(
    _ topic: Topic, on data: ExplainedData, _ measures: [Measure], series: [Series] = [],
    against: [Quantity] = [], isConclusive: Bool = true
  ) {
    let otherwise = measures.filter { !$0.isAsExpected }.map(\.quantity) + against
    self.against =
      isConclusive ? Quantity.allCases.filter(otherwise.contains) : []
    self.topic = topic
    self.data = data
    self.measures = measures
    self.series = series
    verdict = !isConclusive ? .inconclusive : otherwise.isEmpty ? .held : .refuted
  }
}

/// What an experiment found on each of some layers.
public struct ExplanationReport: Encodable, Sendable {
  public let topic: Topic
  public let explanations: [Explanation]

  public init(_ topic: Topic, _ explanations: [Explanation]) {
    self.topic = topic
    self.explanations = explanations
  }

  /// The report as one object, without the series.
  public var json: String { canonicalJSON(self) }
}

/// Whether a statement held.
public enum Verdict: String, Encodable, Sendable {
  case held
  case refuted
  /// The data, or the training, says nothing about it: without batch normalization nothing was learned, whose loss is flat.
  case inconclusive
}

/// On what an experiment ran.
public struct ExplainedData: Encodable, Sendable, Equatable {
  /// The file; nil for the sample in the program.
  public let file: String?
  /// The layer's path; nil for the sample.
  public let layer: String?
  /// The number of the batch; nil if all samples took part.
  public let batch: Int?
  /// Values of each feature that took part, m; or samples.
  public let count: Int
  /// C, or the numbers of a sample.
  public let features: Int
}

/// A number that an experiment gave.
public struct Measure: Encodable, Sendable, Equatable {
  /// What it says.
  public let quantity: Quantity
  /// In which of several set-ups; nil if there is one.
  public let variant: Variant?
  public let value: Double
  /// What it is to be; nil if it is only shown.
  public let expectation: ExpectedValue?

  init(_ quantity: Quantity, _ variant: Variant? = nil, _ value: Double, _ expectation: ExpectedValue? = nil)
  {
    self.quantity = quantity
    self.variant = variant
    self.value = value
    self.expectation = expectation
  }

  public var isAsExpected: Bool { expectation?.allows(value) ?? true }

  private enum CodingKeys: String, CodingKey { case quantity, variant, value, expectation }

  /// Numbers that are not finite, which JSON has no notation for, become null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(quantity, forKey: .quantity)
    try container.encodeIfPresent(variant, forKey: .variant)
    try container.encode(value.isFinite ? value : nil, forKey: .value)
    try container.encodeIfPresent(expectation, forKey: .expectation)
  }
}

/// What a number is to be.
public enum ExpectedValue: Encodable, Sendable, Equatable {
  case atMost(Double)
  case atLeast(Double)
  case near(Double, within: Double)

  func allows(_ value: Double) -> Bool {
    switch self {
    case .atMost(let bound): value <= bound
    case .atLeast(let bound): value >= bound
    case .near(let expected, let tolerance): abs(value - expected) <= tolerance
    }
  }

  private enum CodingKeys: String, CodingKey {
    case atMost = "at_most"
    case atLeast = "at_least"
    case expected, within
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .atMost(let bound): try container.encode(bound, forKey: .atMost)
    case .atLeast(let bound): try container.encode(bound, forKey: .atLeast)
    case .near(let expected, let tolerance):
      try container.encode(expected, forKey: .expected)
      try container.encode(tolerance, forKey: .within)
    }
  }
}

/// A set-up of which an experiment compares several.
public enum Variant: String, Encodable, Sendable {
  /// A network without batch normalization, with it, and with noise after it.
  case without, with, noisy
  /// Normalized values, and what γ and β make of them: 1 and 0, the layer's, 4 and 0.
  case xHat = "x_hat"
  case layer
  case gamma4 = "gamma_4"
  /// The mean inside of the gradient step, or outside.
  case inside, outside
}

/// What experiments measure.
public enum Quantity: String, CaseIterable, Encodable, Sendable {
  // adjoints
  case meanAdjointExplicit = "mean_adjoint_explicit"
  case meanAdjointGraph = "mean_adjoint_graph"
  case meanAdjointProducts = "mean_adjoint_products"
  case broadcastAdjointProducts = "broadcast_adjoint_products"
  // identity
  case identityError = "identity_error"
  case standardError = "standard_error"
  // saturation
  case shareInside = "share_inside"
  case straightLine = "straight_line"
  case constantFeatures = "constant_features"
  // bias-drift
  case steps
  case biasMoved = "bias_moved"
  case biasMoveError = "bias_move_error"
  case lossChange = "loss_change"
  case outputChange = "output_change"
  case insideGradient = "inside_gradient"
  // training
  case firstLoss = "first_loss"
  case lastLoss = "last_loss"
  case lossRange = "loss_range"
  case predictiveness
  case smoothness
  case movementOfMeans = "movement_of_means"
  case gradientDistance = "gradient_distance"
  case gradientCosine = "gradient_cosine"
  case medianDrift = "median_drift"
  // whitening
  case covarianceOperations = "covariance_operations"
  case dimensionwiseOperations = "dimensionwise_operations"
  case covarianceSeconds = "covariance_seconds"
  case dimensionwiseSeconds = "dimensionwise_seconds"
  case dimensionsLeftOut = "dimensions_left_out"
  case conditionNumber = "condition_number"
  case effectiveRank = "effective_rank"
  case whiteningError = "whitening_error"
  case choleskyError = "cholesky_error"
  case remainingCorrelation = "remaining_correlation"
}

/// Numbers of an experiment that are as many as its steps, or more: a dataset for who wants to draw them.
public struct Series: Sendable {
  /// Its path in the file.
  public let path: String
  public let shape: [Int]
  public let values: [Double]

  init(_ path: String, _ shape: [Int], _ values: [Double]) {
    (self.path, self.shape, self.values) = (path, shape, values)
  }

  init(_ path: String, _ values: [Double]) { self.init(path, [values.count], values) }
}
