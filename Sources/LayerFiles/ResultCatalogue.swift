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
  }

  /// What a result needs beside `activations`.
  package enum Need: Sendable {
    case nothing
    /// `grad_output`.
    case gradient
    /// Statistics of the batches' own, not given ones.
    case batchStatistics
  }

  /// A row of the catalogue.
  package struct Entry: Sendable {
    /// The item of the key `outputs` that asks for it.
    package let askedBy: OutputTensor
    package let shape: Shape
    package let needs: Need
    /// What PyTorch and Keras call it, beside its own name.
    package let otherNames: [String]

    fileprivate init(
      _ askedBy: OutputTensor, _ shape: Shape, needs: Need = .nothing, otherNames: [String] = []
    ) {
      self.askedBy = askedBy
      self.shape = shape
      self.needs = needs
      self.otherNames = otherNames
    }
  }

  /// What the catalogue says of it.
  package var entry: Entry {
    switch self {
    case .output: Entry(.output, .samples)
    case .normalized: Entry(.normalized, .samples)
    case .gradInput:
      Entry(.gradInput, .samples, needs: .gradient, otherNames: ["input.grad", "activations.grad"])
    case .gradGamma:
      Entry(
        .gradGamma, .features, needs: .gradient, otherNames: ["weight.grad", "grad_weight", "gamma.grad"])
    case .gradBeta:
      Entry(.gradBeta, .features, needs: .gradient, otherNames: ["bias.grad", "grad_bias", "beta.grad"])
    case .runningMean: Entry(.running, .features, otherNames: ["moving_mean"])
    case .runningVariance: Entry(.running, .features, otherNames: ["moving_variance"])
    case .populationMean: Entry(.population, .features)
    case .populationVariance: Entry(.population, .features)
    case .batchMean: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchVariance: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchInvStd: Entry(.batches, .batchesAndFeatures, needs: .batchStatistics)
    case .batchGradGamma: Entry(.batches, .batchesAndFeatures, needs: .gradient)
    case .batchGradBeta: Entry(.batches, .batchesAndFeatures, needs: .gradient)
    case .batchCount: Entry(.batches, .batches)
    }
  }

  /// Those as large as the activations, in the order in which they are written.
  package static let large = allCases.filter { $0.entry.shape == .samples }
  /// Those with one number for each feature.
  package static let vectors = allCases.filter { $0.entry.shape == .features }
  /// Those with a row of C numbers for each batch.
  package static let batchRows = allCases.filter { $0.entry.shape == .batchesAndFeatures }

  /// The group that it lies in, below the layer's; nil for the layer's own.
  package var group: String? { rawValue.contains("/") ? "batches" : nil }

  /// Its dataset's name in that group.
  package var name: String { String(rawValue.split(separator: "/").last ?? "") }

  /// The names under which another program's file is searched for it.
  package var names: [String] { [name] + entry.otherNames }

  /// True if an input can hold a dataset of the same name, which is not a result.
  package var isAlsoInput: Bool { DatasetRole.allCases.contains { $0.defaultNames.contains(rawValue) } }
}

extension Layer {
  /// True if the layer's data and settings give the result.
  package func gives(_ result: LayerResult) -> Bool {
    switch result.entry.needs {
    case .nothing: true
    case .gradient: gradOutput != nil
    case .batchStatistics: normalization != .running
    }
  }

  /// True if the result is asked for and can be computed.
  package func writes(_ result: LayerResult) -> Bool {
    outputs.contains(result.entry.askedBy) && gives(result)
  }

  /// The result's shape in a file.
  package func shape(of result: LayerResult) -> [Int] {
    switch result.entry.shape {
    case .samples: [batches.sampleCount] + activations.shape.dropFirst()
    case .features: [featureCount]
    case .batchesAndFeatures: [batches.count, featureCount]
    case .batches: [batches.count]
    }
  }

  /// How the result is seen by who writes or reads it: rows of [P, C, S].
  package func layout(of result: LayerResult) -> FeatureLayout {
    switch result.entry.shape {
    case .samples: layout
    case .features, .batchesAndFeatures:
      FeatureLayout(positionRows: 1, featureCount: featureCount, planeLength: 1)
    case .batches: FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    }
  }

  /// The result's element type in an output file.
  package func type(of result: LayerResult) -> NumericType {
    switch result.entry.shape {
    case .samples: outputType
    case .batches: .int64
    case .features, .batchesAndFeatures: .float64
    }
  }
}
