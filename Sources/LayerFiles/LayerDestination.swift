import Configuration

/// Where the results of one layer go: the datasets of an output file, or something that looks at them.
package protocol LayerDestination: Sendable {
  /// Where the samples of a large tensor go, in the layer's output type; nil if nobody wants it.
  func sink(_ tensor: OutputTensor) -> (any SampleSink)?
  /// Where the rows of `batches/` go, C Doubles each.
  var rowSinks: [BatchRow: any SampleSink] { get }
  /// Takes what is known only after the last batch.
  func finish(_ vectors: LayerVectors) throws
}

/// Takes ranges of rows of one dataset, from several threads at once and in any order.
package protocol SampleSink: Sendable {
  /// True if a range costs the same written in pieces as at once.
  var suitsPieces: Bool { get }

  /// - Parameter buffer: the rows of `samples` as they are stored.
  func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) throws
}

extension SampleSink {
  package var suitsPieces: Bool { false }
}

/// The datasets of `batches/` with one row of C numbers for each batch.
package enum BatchRow: String, CaseIterable, Sendable {
  case mean
  case variance = "var"
  case invStd = "inv_std"
  case dgamma = "grad_gamma"
  case dbeta = "grad_beta"

  /// With given statistics a batch has none of its own, without `grad_output` no gradients.
  package func isKnown(_ layer: Layer) -> Bool {
    switch self {
    case .mean, .variance, .invStd: layer.normalization != .running
    case .dgamma, .dbeta: layer.gradOutput != nil
    }
  }
}

/// What is known of a layer only after its last batch, each [C].
package struct LayerVectors: Sendable {
  package var dgamma: [Double]
  package var dbeta: [Double]
  package var runningMean: [Double]
  package var runningVariance: [Double]
  package var populationMean: [Double]
  /// Biased.
  package var populationVariance: [Double]

  package init(
    dgamma: [Double], dbeta: [Double], runningMean: [Double], runningVariance: [Double],
    populationMean: [Double], populationVariance: [Double]
  ) {
    self.dgamma = dgamma
    self.dbeta = dbeta
    self.runningMean = runningMean
    self.runningVariance = runningVariance
    self.populationMean = populationMean
    self.populationVariance = populationVariance
  }
}
