import BatchNorm
import Configuration
import HDF5

/// Everything that is computed for a layer, by its path in the layer's group of the output: the one catalogue that the writer,
/// `verify`, `check` and the documentation's tables ask.
package enum LayerResult: String, CaseIterable, Sendable {
  case output, normalized
  case gradInput = "grad_input"
  case gradGamma = "grad_gamma"
  case gradBeta = "grad_beta"
  case runningMean = "running_mean"
  case runningVariance = "running_var"
  case populationMean = "population_mean"
  case populationVariance = "population_var"
  case batchMean = "batches/mean"
  case batchVariance = "batches/var"
  case batchInvStd = "batches/inv_std"
  case batchGradGamma = "batches/grad_gamma"
  case batchGradBeta = "batches/grad_beta"
  case batchCount = "batches/count"
  case quantiles
  case gradOutputSquareSum = "diagnostics/grad_output_square_sum"
  case gradInputSquareSum = "diagnostics/grad_input_square_sum"
  case gradientIdentityError = "diagnostics/gradient_identity_error"
  case gradientScale = "diagnostics/gradient_scale"
  case meanShare = "diagnostics/mean_share"
  case normalizedShare = "diagnostics/normalized_share"
  case gradInputSum = "diagnostics/grad_input_sum"
  case gradInputProductSum = "diagnostics/grad_input_normalized_sum"
  case gammaCoherence = "diagnostics/gamma_coherence"
  case betaCoherence = "diagnostics/beta_coherence"
  case batchNoise = "diagnostics/batch_noise"
  case shufflingF = "diagnostics/shuffling_f"
  case shufflingP = "diagnostics/shuffling_p"
  case meanStandardError = "diagnostics/mean_standard_error"
  case varianceStandardError = "diagnostics/var_standard_error"
  case meanBatches = "diagnostics/mean_batches"
  case varianceBatches = "diagnostics/var_batches"
  case momentsCount = "moments/count"
  case momentsMean = "moments/mean"
  case momentsMeanRest = "moments/mean_rest"
  case momentsM2 = "moments/m2"
  case momentsM2Rest = "moments/m2_rest"
  case inputHistogram = "histograms/input"
  case outputHistogram = "histograms/output"

  /// What a result's axes are.
  package enum Shape: Sendable {
    /// [N, …], as the activations.
    case samples
    /// [C].
    case features
    /// [batches, C].
    case batchesAndFeatures
    /// [batches].
    case batches
    /// [quantiles, C].
    case quantilesAndFeatures
    /// [2048].
    case bins
  }

  /// What a result needs beside `activations`.
  package enum Need: Sendable {
    case nothing
    /// `grad_output`.
    case gradient
    /// Statistics of the batches' own, not given ones.
    case batchStatistics
    /// `grad_output`, and a pass over the data after the statistics are known, as for a tensor as large as the activations.
    case inputGradient
    /// `grad_output`, and under a mask that pass, too.
    case gradientShare
    /// That no mask leaves some values out.
    case allValues

    /// True if it needs `grad_output`.
    package var includesGradient: Bool {
      switch self {
      case .nothing, .batchStatistics, .allValues: false
      case .gradient, .inputGradient, .gradientShare: true
      }
    }
  }

  /// A row of the catalogue.
  package struct Entry: Sendable {
    /// The item of the key `outputs` that asks for it; nil if a key of its own does.
    package let askedBy: OutputTensor?
    package let shape: Shape
    package let needs: Need
    /// How it is computed, for an attribute of its dataset; nil if it has none.
    package let formula: String?

    fileprivate init(
      _ askedBy: OutputTensor?, _ shape: Shape, needs: Need = .nothing, formula: String? = nil
    ) {
      self.askedBy = askedBy
      self.shape = shape
      self.needs = needs
      self.formula = formula
    }

    /// A diagnostic of every feature in every batch.
    fileprivate static func diagnostic(_ needs: Need, _ formula: String) -> Entry {
      Entry(.diagnostics, .batchesAndFeatures, needs: needs, formula: formula)
    }

    /// Counts of all values of a tensor, which a mask would not let count alike.
    fileprivate static func histogram(_ what: String) -> Entry {
      Entry(
        .histograms, .bins, needs: .allValues,
        formula:
          "how many of \(what), as float32, have these first 11 bits: b >> 21, b the bits, inverted where the sign is 1, else with "
          + "the sign set; NaN in 2046")
    }

    /// A diagnostic of every feature over all batches.
    fileprivate static func overBatches(_ needs: Need, _ formula: String) -> Entry {
      Entry(.diagnostics, .features, needs: needs, formula: formula)
    }
  }

  /// What the catalogue says of it.
  package var entry: Entry {
    switch self {
    case .output: Entry(.output, .samples)
    case .normalized: Entry(.normalized, .samples)
    case .gradInput:
      Entry(.gradInput, .samples, needs: .gradient)
    case .gradGamma:
      Entry(
        .gradGamma, .features, needs: .gradient)
    case .gradBeta:
      Entry(.gradBeta, .features, needs: .gradient)
    case .runningMean: Entry(.running, .features)
    case .runningVariance: Entry(.running, .features)
    case .populationMean: Entry(.population, .features)
    case .populationVariance: Entry(.population, .features)
    case .batchMean: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchVariance: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchInvStd: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchGradGamma: Entry(.batches, .batchesAndFeatures, needs: .gradient)
    case .batchGradBeta: Entry(.batches, .batchesAndFeatures, needs: .gradient)
    case .batchCount: Entry(.batches, .batches)
    case .quantiles: Entry(nil, .quantilesAndFeatures)
    case .gradOutputSquareSum: .diagnostic(.gradient, "sum(dy^2)")
    case .gradInputSquareSum: .diagnostic(.inputGradient, "sum(dx^2)")
    case .gradientIdentityError:
      .diagnostic(
        .inputGradient,
        "|sum(dx^2) - s^2*Q| / (s^2*sum(dy^2)), Q = sum(dy^2) - db^2/m - (2-r)*dg^2/m, r = var/(var+eps), s = gamma/sqrt(var+eps); "
          + "with a mask Q = sum(dy^2) - (2*db*db_K - db^2)/k - (2*dg*dg_K - r*dg^2)/k; constant statistics: Q = sum(dy^2)"
      )
    case .gradientScale: .diagnostic(.gradient, "s^2, s = gamma/sqrt(var+eps)")
    case .meanShare:
      .diagnostic(
        .gradientShare,
        "db^2/(m*sum(dy^2)); with a mask (2*db*db_K - db^2)/(k*sum(dy^2)); constant statistics: 0")
    case .normalizedShare:
      .diagnostic(
        .gradientShare,
        "(2-r)*dg^2/(m*sum(dy^2)), r = var/(var+eps); with a mask (2*dg*dg_K - r*dg^2)/(k*sum(dy^2)); "
          + "constant statistics: 0")
    case .gradInputSum: .diagnostic(.inputGradient, "sum(dx)")
    case .gradInputProductSum: .diagnostic(.inputGradient, "sum(dx*xhat)")
    case .gammaCoherence: .diagnostic(.inputGradient, "sum(|dy*xhat|)/|dg|")
    case .betaCoherence: .diagnostic(.inputGradient, "sum(|dy|)/|db|")
    case .batchNoise:
      .overBatches(
        .batchStatistics,
        "(v + u^2)*Var(i) - 2*u*Cov(i, mean*i) + Var(mean*i), i = 1/sqrt(var+eps) of a batch, u and v mean and variance of all values; "
          + "Var and Cov over whole batches, divided by batches - 1")
    case .shufflingF:
      .overBatches(
        .allValues,
        "[sum_b n_b*(mean_b - mean)^2/(B-1)] / [sum_b sum_n (xbar_n - mean_b)^2/(N-B)], xbar_n the mean of sample n"
      )
    case .shufflingP:
      .overBatches(.allValues, "P(F >= shuffling_f) with B-1 and N-B degrees of freedom")
    case .meanStandardError: .overBatches(.nothing, "sqrt(Var(mean_b)/B) over whole batches")
    case .varianceStandardError: .overBatches(.nothing, "sqrt(Var(var_b)/B) over whole batches")
    case .meanBatches: .overBatches(.nothing, "ceil(Var(mean_b)/(0.01^2*v)), v the variance of all values")
    case .varianceBatches: .overBatches(.nothing, "ceil(Var(var_b)/(0.01*v)^2), v the variance of all values")
    case .momentsCount: Entry(.moments, .features, formula: "n, how many values count")
    case .momentsMean: Entry(.moments, .features, formula: "sum(x)/n, rounded")
    case .momentsMeanRest: Entry(.moments, .features, formula: "sum(x)/n - mean")
    case .momentsM2: Entry(.moments, .features, formula: "sum((x - sum(x)/n)^2), rounded")
    case .momentsM2Rest: Entry(.moments, .features, formula: "sum((x - sum(x)/n)^2) - m2")
    case .inputHistogram: .histogram("x")
    case .outputHistogram: .histogram("y, before it was rounded to output_type")
    }
  }

  /// Those as large as the activations, in the order in which they are written.
  package static let large = allCases.filter { $0.entry.shape == .samples }
  /// Those with one number for each feature.
  package static let vectors = allCases.filter { $0.entry.shape == .features }
  /// Those with a row of C numbers for each batch.
  package static let batchRows = allCases.filter { $0.entry.shape == .batchesAndFeatures }

  /// The group that it lies in, below the layer's; nil for the layer's own.
  package var group: String? {
    rawValue.firstIndex(of: "/").map { String(rawValue[..<$0]) }
  }

  /// Its dataset's name in that group.
  package var name: String { String(rawValue.split(separator: "/").last ?? "") }

  /// True if an input can hold a dataset of the same name, which is not a result.
  package var isAlsoInput: Bool { DatasetRole.allCases.contains { $0.defaultNames.contains(rawValue) } }
}

extension Layer {
  /// True if the layer's data and settings give the result.
  package func gives(_ result: LayerResult) -> Bool {
    if result == .quantiles { return !percents.isEmpty }
    return switch result.entry.needs {
    case .nothing: true
    case .gradient: gradOutput != nil
    case .batchStatistics: normalization != .running
    case .allValues: mask == nil
    case .inputGradient: gradOutput != nil && writesLargeResults
    case .gradientShare: gradOutput != nil && (mask == nil || writesLargeResults)
    }
  }

  /// True if a tensor as large as the activations is written, so that the data needs an apply pass.
  package var writesLargeResults: Bool { !largeResults.isEmpty }

  /// True if the apply pass sums for diagnostics.
  package var sumsInputGradient: Bool { writes(.gradInputSquareSum) }

  /// True if diagnostics are asked for.
  package var diagnoses: Bool { outputs.contains(.diagnostics) }

  /// True if the result is asked for and can be computed.
  package func writes(_ result: LayerResult) -> Bool {
    (result.entry.askedBy.map(outputs.contains) ?? true) && gives(result)
  }

  /// The result's shape in a file.
  package func shape(of result: LayerResult) -> [Int] {
    switch result.entry.shape {
    case .samples: [batches.sampleCount] + activations.shape.dropFirst()
    case .features: [featureCount]
    case .batchesAndFeatures: [batches.count, featureCount]
    case .batches: [batches.count]
    case .quantilesAndFeatures: [percents.count, featureCount]
    case .bins: [BitHistogram.binCount]
    }
  }

  /// How the result is seen by who writes or reads it: rows of [P, C, S].
  package func layout(of result: LayerResult) -> FeatureLayout {
    switch result.entry.shape {
    case .samples: layout
    case .features, .batchesAndFeatures, .quantilesAndFeatures:
      FeatureLayout(positionRows: 1, featureCount: featureCount, planeLength: 1)
    case .batches, .bins: FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    }
  }

  /// The result's element type in an output file.
  package func type(of result: LayerResult) -> NumericType {
    switch result.entry.shape {
    case .samples: outputType
    case .batches, .bins: .int64
    case .features, .batchesAndFeatures, .quantilesAndFeatures: .float64
    }
  }
}
