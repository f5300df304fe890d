import Foundation
import HDF5
import Jobs
import Testing

/// A row of the table of what can be said in several places: on the command line, in the configuration file, perhaps by an
/// attribute of the layer; and what a run's results show of who was heeded.
struct Setting: Sendable, CustomTestStringConvertible {
  /// What a run has written and printed.
  struct Results {
    let root: Group
    let layer: Group
    let report: Report
  }

  /// The parts of the summary that no file shows.
  struct Report: Decodable {
    /// A layer's summary: who said what its settings are.
    struct Layer: Decodable {
      struct Used: Decodable {
        let origin: String
      }

      let path: String
      let settings: [String: Used]
    }

    let threads: Int
    let memoryLimit: Int
    let layers: [Layer]

    private enum CodingKeys: String, CodingKey {
      case threads, layers
      case memoryLimit = "memory_limit"
    }
  }

  /// What one place says, and what the results then show.
  struct Source<Place: Sendable>: Sendable {
    let says: Place
    let shows: String

    init(_ says: Place, shows: String) {
      self.says = says
      self.shows = shows
    }
  }

  /// The configuration's key.
  let key: String
  /// The option's name without its hyphens; a flag's value is empty.
  let option: String
  let commandLine: Source<String>
  /// JSON.
  let configuration: Source<String>
  let attribute: Source<@Sendable (Group) throws -> Void>?
  let byDefault: String
  /// What the results show.
  let shown: @Sendable (Results) throws -> String

  var testDescription: String { "\(key): --\(option) \(commandLine.says) over \(configuration.says)" }

  /// Five axes, so that every axis of features gives another number of them.
  static let shape = [8, 2, 3, 4, 1]

  static let all: [Setting] = [
    Setting(
      key: "batch_size", option: "batch-size", commandLine: Source("3", shows: "[3, 3, 2]"),
      configuration: Source("4", shows: "[4, 4]"),
      attribute: Source({ try $0.writeAttribute("batch_size", 5) }, shows: "[5, 3]"), byDefault: "[8]"
    ) { "\(try $0.layer.dataset("batches/count").readIntegers())" },
    Setting(
      key: "batch_size", option: "batch-size", commandLine: Source("all", shows: "[8]"),
      configuration: Source("4", shows: "[4, 4]"),
      attribute: Source({ try $0.writeAttribute("batch_size", "all") }, shows: "[8]"), byDefault: "[8]"
    ) { "\(try $0.layer.dataset("batches/count").readIntegers())" },
    Setting(
      key: "epsilon", option: "epsilon", commandLine: Source("0.25", shows: "0.25"),
      configuration: Source("0.5", shows: "0.5"),
      attribute: Source({ try $0.writeAttribute("epsilon", 0.75) }, shows: "0.75"), byDefault: "1e-05"
    ) { results in
      let variance = try results.layer.dataset("batches/var").readDoubles()[0]
      let invStd = try results.layer.dataset("batches/inv_std").readDoubles()[0]
      return String(format: "%.3g", 1 / (invStd * invStd) - variance)
    },
    Setting(
      key: "momentum", option: "momentum", commandLine: Source("none", shows: "1"),
      configuration: Source("0.5", shows: "0.5"),
      attribute: Source({ try $0.writeAttribute("momentum", 0.25) }, shows: "0.25"), byDefault: "0.1",
      shown: weight
    ),
    Setting(
      key: "momentum", option: "momentum", commandLine: Source("0.75", shows: "0.75"),
      configuration: Source("null", shows: "1"),
      attribute: Source({ try $0.writeAttribute("momentum", "none") }, shows: "1"), byDefault: "0.1",
      shown: weight
    ),
    Setting(
      key: "running_variance", option: "running-variance", commandLine: Source("unbiased", shows: "unbiased"),
      configuration: Source(#""biased""#, shows: "biased"),
      attribute: Source({ try $0.writeAttribute("running_variance", "biased") }, shows: "biased"),
      byDefault: "unbiased", shown: runningVariance),
    Setting(
      key: "running_variance", option: "running-variance", commandLine: Source("biased", shows: "biased"),
      configuration: Source(#""unbiased""#, shows: "unbiased"),
      attribute: Source({ try $0.writeAttribute("running_variance", "biased") }, shows: "biased"),
      byDefault: "unbiased", shown: runningVariance),
    Setting(
      key: "feature_axis", option: "feature-axis", commandLine: Source("-1", shows: "[1]"),
      configuration: Source("2", shows: "[3]"),
      attribute: Source({ try $0.writeAttribute("feature_axis", -2) }, shows: "[4]"), byDefault: "[2]"
    ) { "\(try $0.layer.dataset("population_mean").shape)" },
    Setting(
      key: "statistics", option: "statistics", commandLine: Source("running", shows: "running"),
      configuration: Source(#""batch""#, shows: "batch"),
      attribute: Source({ try $0.writeAttribute("statistics", "batch") }, shows: "batch"), byDefault: "batch",
      shown: statistics),
    Setting(
      key: "statistics", option: "statistics", commandLine: Source("running", shows: "running"),
      configuration: Source(#""running""#, shows: "running"),
      attribute: Source({ try $0.writeAttribute("statistics", "running") }, shows: "running"),
      byDefault: "batch", shown: statistics),
    Setting(
      key: "statistics", option: "statistics", commandLine: Source("batch", shows: "batch"),
      configuration: Source(#""running""#, shows: "running"), attribute: nil, byDefault: "batch",
      shown: statistics),
    Setting(
      key: "parameters", option: "parameters", commandLine: Source("identity", shows: "identity"),
      configuration: Source(#""file""#, shows: "file"), attribute: nil, byDefault: "file", shown: parameters),
    Setting(
      key: "parameters", option: "parameters", commandLine: Source("file", shows: "file"),
      configuration: Source(#""identity""#, shows: "identity"), attribute: nil, byDefault: "file",
      shown: parameters),
    Setting(
      key: "layers", option: "layer", commandLine: Source("l*", shows: "layer"),
      configuration: Source(#"["other", "layer"]"#, shows: "layer other"), attribute: nil,
      byDefault: "layer other third"
    ) { try $0.root.links().map(\.name).sorted().joined(separator: " ") },
    Setting(
      key: "strict", option: "strict", commandLine: Source("", shows: "true"),
      configuration: Source("false", shows: "false"), attribute: nil, byDefault: "false"
    ) {
      try $0.root.readString(attribute: "configuration")?.contains(#""strict":true"#) == true
        ? "true" : "false"
    },
    Setting(
      key: "quantiles", option: "quantiles", commandLine: Source("10,20", shows: "2"),
      configuration: Source("[1, 2, 3]", shows: "3"), attribute: nil, byDefault: "0"
    ) {
      try $0.layer.hasLink("quantiles") ? "\($0.layer.dataset("quantiles").shape[0])" : "0"
    },
    Setting(
      key: "threads", option: "threads", commandLine: Source("5", shows: "5"),
      configuration: Source("7", shows: "7"), attribute: nil,
      byDefault: "\(Machine.current.processors.allowed)"
    ) { "\($0.report.threads)" },
    Setting(
      key: "memory", option: "memory", commandLine: Source("0.5GiB", shows: "\(1 << 29)"),
      configuration: Source(#""256 MiB""#, shows: "\(1 << 28)"), attribute: nil,
      byDefault: "\(min(1 << 30, Machine.current.memory.allowed / 4))"
    ) { "\($0.report.memoryLimit)" },
  ]

  /// The weight of the only batch in the running mean, which was 0 before.
  private static let weight: @Sendable (Results) throws -> String = { results in
    let running = try results.layer.dataset("running_mean").readDoubles()[0]
    return String(format: "%.6g", running / (try results.layer.dataset("batches/mean").readDoubles()[0]))
  }

  /// The only batch has 96 values of a feature, and a tenth of its variance is added to nine tenths of 1.
  private static let runningVariance: @Sendable (Results) throws -> String = { results in
    let running = try results.layer.dataset("running_var").readDoubles()[0]
    let factor = (running - 0.9) / 0.1 / (try results.layer.dataset("batches/var").readDoubles()[0])
    return abs(factor - 1) < 1e-12 ? "biased" : abs(factor - 96.0 / 95) < 1e-12 ? "unbiased" : "\(factor)"
  }

  /// The running mean is 0 and the running variance 1, so that next to nothing is done to x.
  private static let statistics: @Sendable (Results) throws -> String = { results in
    let y = try results.layer.dataset("output").readDoubles()[1]
    let isRunning = abs(y - Group.numbers(shape, seed: 1)[1]) < 1e-4
    let hasMeans = try results.layer.group("batches").hasLink("mean")
    return isRunning && !hasMeans ? "running" : !isRunning && hasMeans ? "batch" : "neither"
  }

  private static let parameters: @Sendable (Results) throws -> String = { results in
    let y = try results.layer.dataset("output").readDoubles()[1]
    return abs(y - Group.numbers(shape, seed: 1)[1]) < 1e-12 ? "identity" : "file"
  }
}
