import StrictJSON

/// How many samples make a batch.
public enum BatchSize: Sendable, Equatable {
  /// This many samples, at least 1; the last batch may be smaller, see `PartialBatchPolicy`.
  case samples(Int)
  /// The whole dataset is one batch.
  case all

  /// A batch of `samples` samples, or nil if that is less than 1.
  public init?(samples: Int) {
    guard samples >= 1 else { return nil }
    self = .samples(samples)
  }
}

extension BatchSize: ConfigurationValue {
  public static var allowed: AllowedValue { .batchSize }

  /// Reads `all` or an integer of at least 1.
  public init(parsing text: String) throws(ValueError) {
    if text == "all" {
      self = .all
    } else if let samples = Int(text), let size = BatchSize(samples: samples) {
      self = size
    } else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
  }

  package init?(json: JSONValue) {
    if json.string == "all" {
      self = .all
    } else if let samples = json.integer {
      self.init(samples: samples)
    } else {
      return nil
    }
  }
}

extension BatchSize: Encodable, CustomStringConvertible {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .samples(let count): try container.encode(count)
    case .all: try container.encode("all")
    }
  }

  /// The number, or `all`.
  public var description: String {
    switch self {
    case .samples(let count): "\(count)"
    case .all: "all"
    }
  }
}

/// The ε in invStd = 1/√(variance + ε): a finite number of at least 0.
///
/// With ε = 0 a feature without variance has no finite invStd.
public struct Epsilon: Sendable, Equatable {
  /// A finite number of at least 0.
  public let value: Double

  /// Nil if the value is negative or not finite.
  public init?(_ value: Double) {
    guard value >= 0, value.isFinite else { return nil }
    // Negative zero would be written as -0, and equal configurations shall give equal bytes.
    self.value = value == 0 ? 0 : value
  }
}

extension Epsilon: ConfigurationValue {
  public static var allowed: AllowedValue { .epsilon }

  /// Reads a decimal number.
  public init(parsing text: String) throws(ValueError) {
    guard let value = finiteDecimal(text), let epsilon = Epsilon(value) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = epsilon
  }

  package init?(json: JSONValue) {
    guard let value = json.finiteDouble else { return nil }
    self.init(value)
  }
}

extension Epsilon: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}

/// How running statistics follow the batches, in PyTorch's sense of momentum.
///
/// TensorFlow's and Keras's momentum is 1 minus this one: their 0.99 is 0.01 here.
public enum Momentum: Sendable, Equatable {
  /// new = (1 - factor)·old + factor·batch, with a factor from 0 to 1.
  case exponential(Double)
  /// Every batch has the same weight (Algorithm 2 of Ioffe and Szegedy 2015; PyTorch's `momentum=None`).
  case cumulative

  /// An exponential average with `factor`, or nil if that is not from 0 to 1.
  public init?(factor: Double) {
    guard (0...1).contains(factor) else { return nil }
    // Negative zero would be written as -0, and equal configurations shall give equal bytes.
    self = .exponential(factor == 0 ? 0 : factor)
  }
}

extension Momentum: ConfigurationValue {
  public static var allowed: AllowedValue { .momentum }

  /// Reads `none` for the cumulative average, or a number from 0 to 1.
  public init(parsing text: String) throws(ValueError) {
    if text == "none" {
      self = .cumulative
    } else if let factor = finiteDecimal(text), let momentum = Momentum(factor: factor) {
      self = momentum
    } else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
  }

  package init?(json: JSONValue) {
    if json.content == .null {
      self = .cumulative
    } else if let factor = json.finiteDouble {
      self.init(factor: factor)
    } else {
      return nil
    }
  }
}

extension Momentum: Codable, CustomStringConvertible {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .exponential(let factor): try container.encode(factor)
    case .cumulative: try container.encodeNil()
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .cumulative
    } else if let momentum = Momentum(factor: try container.decode(Double.self)) {
      self = momentum
    } else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a momentum is a number from 0 to 1, or null")
    }
  }

  /// The factor, or `none`.
  public var description: String {
    switch self {
    case .exponential(let factor): "\(factor)"
    case .cumulative: "none"
    }
  }
}

/// The axis of `activations` that holds the features: from 1, since axis 0 is the samples, or negative from
/// the last axis.
///
/// 1 suits N×C and NCHW, -1 suits NHWC.
public struct FeatureAxis: Sendable, Equatable {
  /// Any integer but 0; negative ones count from the end.
  public let index: Int

  /// Nil for 0.
  public init?(_ index: Int) {
    guard index != 0 else { return nil }
    self.index = index
  }

  /// The axis as an index from 1 in a dataset of `rank` axes, or nil if the dataset has no such axis.
  ///
  /// The samples' axis cannot be the features' as well: -2 in a dataset of two axes is nil.
  public func resolved(rank: Int) -> Int? {
    guard rank >= 1, (-rank..<rank).contains(index) else { return nil }
    let axis = index > 0 ? index : rank + index
    return axis >= 1 ? axis : nil
  }
}

extension FeatureAxis: ConfigurationValue {
  public static var allowed: AllowedValue { .featureAxis }

  /// Reads an integer other than 0.
  public init(parsing text: String) throws(ValueError) {
    guard let index = Int(text), let axis = FeatureAxis(index) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = axis
  }

  package init?(json: JSONValue) {
    guard let index = json.integer else { return nil }
    self.init(index)
  }
}

extension FeatureAxis: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(index)
  }
}

/// How many threads compute: 1 to 1024. Results do not depend on it.
public struct ThreadCount: Sendable, Equatable {
  /// The largest number; beyond it a mistyped number is likelier than so many cores.
  public static let maximum = 1024

  /// From 1 to 1024.
  public let count: Int

  /// Nil if the count is not from 1 to 1024.
  public init?(_ count: Int) {
    guard (1...Self.maximum).contains(count) else { return nil }
    self.count = count
  }
}

extension ThreadCount: ConfigurationValue {
  public static var allowed: AllowedValue { .threadCount }

  /// Reads an integer from 1 to 1024.
  public init(parsing text: String) throws(ValueError) {
    guard let count = Int(text), let threads = ThreadCount(count) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = threads
  }

  package init?(json: JSONValue) {
    guard let count = json.integer else { return nil }
    self.init(count)
  }
}

extension ThreadCount: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(count)
  }
}
