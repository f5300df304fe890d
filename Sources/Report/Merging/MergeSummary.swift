import LayerFiles
import StrictJSON

/// What `merge` did: the one object that it prints with `--json`.
public struct MergeSummary: Codable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The files that were pooled, and the one that was written.
  public var inputs: [String]
  public var output: String
  /// Statistics of before, and as how many samples they weigh; absent if there are none.
  public var prior: String?
  public var priorSamples: Double?
  public var layers: [Layer]

  public struct Layer: Codable, Sendable, Equatable {
    public var path: String
    public var features: Int
    /// Samples of all files together.
    public var samples: Int
    /// Values of each feature that count.
    public var values: Int
    /// 1 - Σnᵢ·varᵢ/(n·var), averaged over the features: the share of the variance that lies between the files, and that the mean of
    /// their variances lacks; absent where there is no variance.
    public var betweenFiles: Double?

    private enum CodingKeys: String, CodingKey {
      case path, features, samples, values
      case betweenFiles = "between_files"
    }
  }

  public init(_ merging: Merging, _ layers: [MergedLayer], output: String) {
    version = programVersion
    inputs = merging.files.map(\.path)
    self.output = output
    prior = merging.prior?.file
    priorSamples = merging.prior?.samples
    self.layers = layers.map { layer in
      let shares = zip(layer.withinFiles, layer.moments.m2).filter {
        $0.1 > 0 && $0.0.isFinite && $0.1.isFinite
      }
      .map { 1 - $0.0 / $0.1 }
      return Layer(
        path: layer.path, features: layer.featureCount, samples: layer.samples, values: layer.count,
        betweenFiles: shares.isEmpty ? nil : max(0, shares.reduce(0, +) / Double(shares.count)))
    }
  }

  /// The summary as a JSON object in readable lines.
  public var json: String { canonicalJSON(self, isPretty: true) }

  private enum CodingKeys: String, CodingKey {
    case version, inputs, output, prior
    case priorSamples = "prior_samples"
    case layers
  }
}
